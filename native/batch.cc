// Many datagrams with one system call. Nothing is allocated: the message headers live in the
// environment's state, the bytes in memory the caller owns.

#include "native.h"

#include <algorithm>
#include <cstring>

namespace flowkeeper {

namespace {

using Info = Napi::CallbackInfo;

/// One recvmmsg into `slots` slots of `slotBytes` bytes each; with a place for senders, or without.
Napi::Value ReceiveInto(const Info& info, const Bytes* addresses, int64_t stride) {
  const int fd = IntAt(info, 0);
  const Bytes arena = BytesAt(info, 1);
  const int64_t slot_bytes = IntegerAt(info, 2), slots = IntegerAt(info, 3);
  const Words lengths = WordsAt(info, 4);
  if (slot_bytes <= 0 || slots <= 0 || static_cast<uint64_t>(slots) > lengths.size ||
      static_cast<uint64_t>(slot_bytes) > arena.size / slots) {
    return Fail(info, EINVAL);
  }
  if (addresses != nullptr &&
      (stride <= 0 || static_cast<uint64_t>(stride) > addresses->size / slots)) {
    return Fail(info, EINVAL);
  }
  Instance& instance = InstanceOf(info);
  const size_t count = std::min<size_t>(slots, kBatch);
  for (size_t i = 0; i < count; i++) {
    instance.vectors[i] = {arena.data + i * slot_bytes, static_cast<size_t>(slot_bytes)};
    msghdr& header = instance.messages[i].msg_hdr;
    header = {};
    header.msg_iov = &instance.vectors[i];
    header.msg_iovlen = 1;
    if (addresses == nullptr) continue;
    header.msg_name = addresses->data + i * stride;
    header.msg_namelen = stride;
  }
  const int received =
      recvmmsg(fd, instance.messages.data(), count, MSG_DONTWAIT | MSG_TRUNC, nullptr);
  const Napi::Value answer = Answer(info, received);
  for (int i = 0; i < received; i++) {
    const mmsghdr& message = instance.messages[i];
    lengths.data[i] = message.msg_len;
    if (addresses == nullptr) continue;
    const int64_t written = std::min<int64_t>(message.msg_hdr.msg_namelen, stride);
    // A shorter address leaves nothing of the one before it.
    std::memset(addresses->data + i * stride + written, 0, stride - written);
  }
  return answer;
}

Napi::Value ReceiveBatch(const Info& info) { return ReceiveInto(info, nullptr, 0); }

Napi::Value ReceiveBatchFrom(const Info& info) {
  const Bytes addresses = BytesAt(info, 5);
  return ReceiveInto(info, &addresses, IntegerAt(info, 6));
}

/// What is to be sent: message i lies in the arena at offsets[i], and goes to address i * stride.
struct Outgoing {
  Bytes arena;
  const int32_t* offsets;
  const int32_t* lengths;
  size_t count;
  Bytes address;
  size_t stride;
};

/// Sends until all are gone or the kernel takes no more; an error counts if nothing was sent before.
ssize_t SendAll(Instance& instance, int fd, const Outgoing& out, size_t address_bytes) {
  for (size_t i = 0; i < out.count; i++) {
    if (!out.arena.Holds(out.offsets[i], out.lengths[i])) {
      errno = EINVAL;
      return -1;
    }
  }
  size_t sent = 0;
  while (sent < out.count) {
    const size_t count = std::min(out.count - sent, kBatch);
    for (size_t i = 0; i < count; i++) {
      const size_t at = sent + i;
      instance.vectors[i] = {out.arena.data + out.offsets[at],
                             static_cast<size_t>(out.lengths[at])};
      msghdr& header = instance.messages[i].msg_hdr;
      header = {};
      header.msg_iov = &instance.vectors[i];
      header.msg_iovlen = 1;
      if (address_bytes == 0) continue;
      header.msg_name = out.address.data + at * out.stride;
      header.msg_namelen = address_bytes;
    }
    const int taken = sendmmsg(fd, instance.messages.data(), count, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken < 0) return sent == 0 ? -1 : static_cast<ssize_t>(sent);
    sent += taken;
    if (static_cast<size_t>(taken) < count) break;
  }
  return sent;
}

Napi::Value SendBatch(const Info& info) {
  const int fd = IntAt(info, 0);
  Outgoing out{BytesAt(info, 1), nullptr, nullptr, 0, {}, 0};
  const Words offsets = WordsAt(info, 2), lengths = WordsAt(info, 3);
  const int64_t first = IntegerAt(info, 4), count = IntegerAt(info, 5);
  if (!IsNull(info, 6)) out.address = BytesAt(info, 6);
  if (first < 0 || count < 0 ||
      static_cast<uint64_t>(first) + count > std::min(offsets.size, lengths.size)) {
    return Fail(info, EINVAL);
  }
  out.offsets = offsets.data + first;
  out.lengths = lengths.data + first;
  out.count = count;
  return Answer(info, SendAll(InstanceOf(info), fd, out, out.address.size));
}

Napi::Value SendBatchTo(const Info& info) {
  const int fd = IntAt(info, 0);
  const Bytes arena = BytesAt(info, 1);
  const Words offsets = WordsAt(info, 2), lengths = WordsAt(info, 3);
  const Bytes addresses = BytesAt(info, 4);
  const int64_t stride = IntegerAt(info, 5), count = IntegerAt(info, 6);
  if (stride <= 0 || count < 0 ||
      static_cast<uint64_t>(count) > std::min(offsets.size, lengths.size) ||
      static_cast<uint64_t>(count) > addresses.size / stride) {
    return Fail(info, EINVAL);
  }
  const Outgoing out{arena,     offsets.data, lengths.data, static_cast<size_t>(count),
                     addresses, static_cast<size_t>(stride)};
  return Answer(info, SendAll(InstanceOf(info), fd, out, stride));
}

}  // namespace

void ExportBatch(Napi::Object exports) {
  Export<ReceiveBatch>(exports, "receiveBatch");
  Export<ReceiveBatchFrom>(exports, "receiveBatchFrom");
  Export<SendBatch>(exports, "sendBatch");
  Export<SendBatchTo>(exports, "sendBatchTo");
}

}  // namespace flowkeeper
