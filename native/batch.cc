// Many datagrams with one system call. Nothing is allocated: the message headers live on the stack,
// the bytes in memory the caller owns.

#include "native.h"

#include <netinet/udp.h>

#include <algorithm>
#include <cstring>

using namespace flowkeeper;

namespace {

/// The most messages one system call carries: the kernel takes no more (UIO_MAXIOV).
constexpr size_t kBatch = 1024;

/// True when `count` pieces of `each` bytes, one after the other, lie within `size`.
bool HoldsPieces(size_t size, int64_t each, int64_t count) {
  return each > 0 && count >= 0 && static_cast<uint64_t>(count) <= size / each;
}

/// Older kernels cut no message into more datagrams, and none takes what IPv6 could not carry whole.
constexpr size_t kSegments = 64;
constexpr size_t kSegmentedBytes = 65535 - 40 - sizeof(udphdr);

/// The headers of one system call: 104 KiB, of which only what is used is written.
struct Batch {
  mmsghdr messages[kBatch];
  iovec vectors[kBatch];
  alignas(cmsghdr) uint8_t controls[kBatch][CMSG_SPACE(sizeof(int))];

  void Set(size_t i, iovec* first, size_t count, uint8_t* address, size_t address_bytes) {
    messages[i] = {};
    msghdr& header = messages[i].msg_hdr;
    header.msg_iov = first;
    header.msg_iovlen = count;
    header.msg_name = address;
    header.msg_namelen = address_bytes;
  }

  void GiveControl(size_t i) {
    messages[i].msg_hdr.msg_control = controls[i];
    messages[i].msg_hdr.msg_controllen = sizeof controls[i];
  }

  /// The message is to travel as datagrams of `size` bytes.
  void Cut(size_t i, uint16_t size) {
    GiveControl(i);
    msghdr& header = messages[i].msg_hdr;
    header.msg_controllen = CMSG_SPACE(sizeof size);
    cmsghdr* control = CMSG_FIRSTHDR(&header);
    control->cmsg_level = SOL_UDP;
    control->cmsg_type = UDP_SEGMENT;
    control->cmsg_len = CMSG_LEN(sizeof size);
    std::memcpy(CMSG_DATA(control), &size, sizeof size);
  }

  /// The size of the datagrams that the message has come as, or 0: it is one.
  int Segment(size_t i) {
    msghdr& header = messages[i].msg_hdr;
    for (cmsghdr* each = CMSG_FIRSTHDR(&header); each != nullptr; each = CMSG_NXTHDR(&header, each)) {
      if (each->cmsg_level != SOL_UDP || each->cmsg_type != UDP_GRO) continue;
      int size = 0;
      std::memcpy(&size, CMSG_DATA(each), sizeof size);
      return size;
    }
    return 0;
  }
};

/// Asks for the senders when `stride`, the room for one, is not 0; for sizes of segments where there is room for them.
ssize_t ReceiveInto(int fd, Bytes arena, int64_t slot_bytes, int64_t slots, Words lengths,
                    Words segments, Bytes addresses, int64_t stride) {
  if (slots <= 0 || !HoldsPieces(arena.size, slot_bytes, slots) || !Holds(lengths.size, 0, slots)) {
    return Fail(EINVAL);
  }
  Batch batch;
  const size_t count = std::min<size_t>(slots, kBatch);
  for (size_t i = 0; i < count; i++) {
    batch.vectors[i] = {arena.data + i * slot_bytes, static_cast<size_t>(slot_bytes)};
    batch.Set(i, &batch.vectors[i], 1, addresses.data + i * stride, stride);
    if (i < segments.size) batch.GiveControl(i);
  }
  const int received = recvmmsg(fd, batch.messages, count, MSG_DONTWAIT | MSG_TRUNC, nullptr);
  for (int i = 0; i < received; i++) {
    const mmsghdr& message = batch.messages[i];
    lengths.data[i] = message.msg_len;
    if (static_cast<size_t>(i) < segments.size) segments.data[i] = batch.Segment(i);
    if (stride == 0) continue;
    const int64_t written = std::min<int64_t>(message.msg_hdr.msg_namelen, stride);
    // A shorter address leaves nothing of the one before it.
    std::memset(addresses.data + i * stride + written, 0, stride - written);
  }
  return received;
}

ssize_t ReceiveBatch(int fd, Bytes arena, int64_t slot_bytes, int64_t slots, Words lengths) {
  return ReceiveInto(fd, arena, slot_bytes, slots, lengths, {}, {}, 0);
}

ssize_t ReceiveSegments(int fd, Bytes arena, int64_t slot_bytes, int64_t slots, Words lengths,
                        Words segments) {
  if (!Holds(segments.size, 0, slots)) return Fail(EINVAL);
  return ReceiveInto(fd, arena, slot_bytes, slots, lengths, segments, {}, 0);
}

/// How many of these may be one message that is cut into them: all have one size, the last may be shorter.
size_t RunOf(Words lengths) {
  const int32_t size = lengths.data[0];
  size_t bytes = size;
  size_t run = 1;
  while (run < std::min(lengths.size, kSegments) && lengths.data[run - 1] == size) {
    bytes += lengths.data[run];
    if (lengths.data[run] > size || lengths.data[run] == 0 || bytes > kSegmentedBytes) break;
    run++;
  }
  return run;
}

/// Sends until all are gone or the kernel takes no more; an error counts when nothing was sent.
/// Datagram i goes to the address at i * stride: with a stride of 0, all go to the same one, and
/// may travel as segments of one message.
ssize_t SendAll(int fd, Bytes arena, Words offsets, Words lengths, Bytes address, size_t stride,
                bool segmented) {
  for (size_t i = 0; i < offsets.size; i++) {
    if (!Holds(arena.size, offsets.data[i], lengths.data[i])) return Fail(EINVAL);
  }
  Batch batch;
  size_t sent = 0;
  while (sent < offsets.size) {
    const size_t count = std::min(offsets.size - sent, kBatch);
    for (size_t i = 0; i < count; i++) {
      batch.vectors[i] = {arena.data + offsets.data[sent + i],
                          static_cast<size_t>(lengths.data[sent + i])};
    }
    size_t messages = 0;
    for (size_t i = 0; i < count; messages++) {
      const size_t at = sent + i;
      const size_t run = segmented ? RunOf({lengths.data + at, count - i}) : 1;
      batch.Set(messages, &batch.vectors[i], run, address.data + at * stride, address.size);
      if (run > 1) batch.Cut(messages, lengths.data[at]);
      i += run;
    }
    const int taken = sendmmsg(fd, batch.messages, messages, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken < 0) return sent == 0 ? -1 : static_cast<ssize_t>(sent);
    for (int i = 0; i < taken; i++) sent += batch.messages[i].msg_hdr.msg_iovlen;
    if (static_cast<size_t>(taken) < messages) break;
  }
  return sent;
}

/// To one address, or the peer.
ssize_t SendSome(int fd, Bytes arena, Words offsets, Words lengths, int64_t first, int64_t count,
                 Bytes address, bool segmented) {
  if (!Holds(std::min(offsets.size, lengths.size), first, count)) return Fail(EINVAL);
  const Words some{offsets.data + first, static_cast<size_t>(count)};
  return SendAll(fd, arena, some, {lengths.data + first, some.size}, address, 0, segmented);
}

ssize_t SendBatch(int fd, Bytes arena, Words offsets, Words lengths, int64_t first, int64_t count,
                  BytesOrNull address) {
  return SendSome(fd, arena, offsets, lengths, first, count, address, false);
}

ssize_t SendSegments(int fd, Bytes arena, Words offsets, Words lengths, int64_t first, int64_t count,
                     BytesOrNull address) {
  return SendSome(fd, arena, offsets, lengths, first, count, address, true);
}

ssize_t SendBatchTo(int fd, Bytes arena, Words offsets, Words lengths, Bytes addresses,
                    int64_t stride, int64_t count) {
  if (!HoldsPieces(addresses.size, stride, count)) return Fail(EINVAL);
  if (!Holds(std::min(offsets.size, lengths.size), 0, count)) return Fail(EINVAL);
  const Bytes address{addresses.data, static_cast<size_t>(stride)};
  const Words some{offsets.data, static_cast<size_t>(count)};
  return SendAll(fd, arena, some, lengths, address, address.size, false);
}

}  // namespace

ssize_t flowkeeper::ReceiveBatchFrom(int fd, Bytes arena, int64_t slot_bytes, int64_t slots, Words lengths,
                                     Bytes addresses, int64_t stride) {
  if (!HoldsPieces(addresses.size, stride, slots)) return Fail(EINVAL);
  return ReceiveInto(fd, arena, slot_bytes, slots, lengths, {}, addresses, stride);
}

void flowkeeper::ExportBatch(Napi::Object exports) {
  Export<ReceiveBatch>(exports, "receiveBatch");
  Export<ReceiveBatchFrom>(exports, "receiveBatchFrom");
  Export<ReceiveSegments>(exports, "receiveSegments");
  Export<SendBatch>(exports, "sendBatch");
  Export<SendSegments>(exports, "sendSegments");
  Export<SendBatchTo>(exports, "sendBatchTo");
}
