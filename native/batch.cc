// Many datagrams with one system call. Nothing is allocated: the message headers live on the stack,
// the bytes in memory the caller owns.

#include "native.h"

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

/// The headers of one system call: 80 KiB, of which only what is used is written.
struct Batch {
  mmsghdr messages[kBatch];
  iovec vectors[kBatch];

  void Set(size_t i, uint8_t* data, size_t size, uint8_t* address, size_t address_bytes) {
    vectors[i] = {data, size};
    messages[i] = {};
    msghdr& header = messages[i].msg_hdr;
    header.msg_iov = &vectors[i];
    header.msg_iovlen = 1;
    header.msg_name = address;
    header.msg_namelen = address_bytes;
  }
};

/// Asks for the senders when `stride`, the room for one, is not 0.
ssize_t ReceiveInto(int fd, Bytes arena, int64_t slot_bytes, int64_t slots, Words lengths,
                    Bytes addresses, int64_t stride) {
  if (slots <= 0 || !HoldsPieces(arena.size, slot_bytes, slots) || !Holds(lengths.size, 0, slots)) {
    return Fail(EINVAL);
  }
  Batch batch;
  const size_t count = std::min<size_t>(slots, kBatch);
  for (size_t i = 0; i < count; i++) {
    batch.Set(i, arena.data + i * slot_bytes, slot_bytes, addresses.data + i * stride, stride);
  }
  const int received = recvmmsg(fd, batch.messages, count, MSG_DONTWAIT | MSG_TRUNC, nullptr);
  for (int i = 0; i < received; i++) {
    const mmsghdr& message = batch.messages[i];
    lengths.data[i] = message.msg_len;
    if (stride == 0) continue;
    const int64_t written = std::min<int64_t>(message.msg_hdr.msg_namelen, stride);
    // A shorter address leaves nothing of the one before it.
    std::memset(addresses.data + i * stride + written, 0, stride - written);
  }
  return received;
}

ssize_t ReceiveBatch(int fd, Bytes arena, int64_t slot_bytes, int64_t slots, Words lengths) {
  return ReceiveInto(fd, arena, slot_bytes, slots, lengths, {}, 0);
}

/// Sends until all are gone or the kernel takes no more; an error counts when nothing was sent.
/// Message i goes to the address at i * stride: with a stride of 0, all go to the same one.
ssize_t SendAll(int fd, Bytes arena, Words offsets, Words lengths, Bytes address, size_t stride) {
  for (size_t i = 0; i < offsets.size; i++) {
    if (!Holds(arena.size, offsets.data[i], lengths.data[i])) return Fail(EINVAL);
  }
  Batch batch;
  size_t sent = 0;
  while (sent < offsets.size) {
    const size_t count = std::min(offsets.size - sent, kBatch);
    for (size_t i = 0; i < count; i++) {
      const size_t at = sent + i;
      batch.Set(i, arena.data + offsets.data[at], lengths.data[at], address.data + at * stride,
                address.size);
    }
    const int taken = sendmmsg(fd, batch.messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken < 0) return sent == 0 ? -1 : static_cast<ssize_t>(sent);
    sent += taken;
    if (static_cast<size_t>(taken) < count) break;
  }
  return sent;
}

ssize_t SendBatch(int fd, Bytes arena, Words offsets, Words lengths, int64_t first, int64_t count,
                  BytesOrNull address) {
  if (!Holds(std::min(offsets.size, lengths.size), first, count)) return Fail(EINVAL);
  const Words some{offsets.data + first, static_cast<size_t>(count)};
  return SendAll(fd, arena, some, {lengths.data + first, some.size}, address, 0);
}

ssize_t SendBatchTo(int fd, Bytes arena, Words offsets, Words lengths, Bytes addresses,
                    int64_t stride, int64_t count) {
  if (!HoldsPieces(addresses.size, stride, count)) return Fail(EINVAL);
  if (!Holds(std::min(offsets.size, lengths.size), 0, count)) return Fail(EINVAL);
  const Bytes address{addresses.data, static_cast<size_t>(stride)};
  const Words some{offsets.data, static_cast<size_t>(count)};
  return SendAll(fd, arena, some, lengths, address, address.size);
}

}  // namespace

ssize_t flowkeeper::ReceiveBatchFrom(int fd, Bytes arena, int64_t slot_bytes, int64_t slots, Words lengths,
                                     Bytes addresses, int64_t stride) {
  if (!HoldsPieces(addresses.size, stride, slots)) return Fail(EINVAL);
  return ReceiveInto(fd, arena, slot_bytes, slots, lengths, addresses, stride);
}

void flowkeeper::ExportBatch(Napi::Object exports) {
  Export<ReceiveBatch>(exports, "receiveBatch");
  Export<ReceiveBatchFrom>(exports, "receiveBatchFrom");
  Export<SendBatch>(exports, "sendBatch");
  Export<SendBatchTo>(exports, "sendBatchTo");
}
