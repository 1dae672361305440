// What the files of the addon share: the state of one environment, and the reading of arguments.
//
// The addon moves bytes and never interprets them. A function returns a count or a descriptor, or a
// negative errno; a wrong argument type throws, a value out of range is -EINVAL.

#pragma once

#include <napi.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <unordered_set>

namespace flowkeeper {

/// The most messages one system call carries: the kernel takes no more (UIO_MAXIOV).
constexpr size_t kBatch = 1024;

class Poll;

/// The state of one environment (the main thread, or one worker). There are no globals.
struct Instance {
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> vectors{};
  std::unordered_set<Poll*> polls;
  /// Handles closed whose close callback has not run yet.
  size_t closing = 0;
  /// Held from the start of the environment's end until the last handle is closed.
  napi_async_cleanup_hook_handle teardown = nullptr;
  bool ending = false;
};

struct Bytes {
  uint8_t* data;
  size_t size;
  bool Holds(int64_t offset, int64_t length) const {
    return offset >= 0 && length >= 0 && static_cast<uint64_t>(offset) + length <= size;
  }
};

struct Words {
  int32_t* data;
  size_t size;
};

Bytes BytesAt(const Napi::CallbackInfo& info, size_t index);
Words WordsAt(const Napi::CallbackInfo& info, size_t index);
/// An integer of at most 53 bits; a fraction, NaN or anything else throws.
int64_t IntegerAt(const Napi::CallbackInfo& info, size_t index);
/// An integer of 32 bits, signed: descriptors, levels, flags.
int IntAt(const Napi::CallbackInfo& info, size_t index);
bool IsNull(const Napi::CallbackInfo& info, size_t index);

/// The answer of a system call: its result, or the negative errno.
inline Napi::Value Answer(const Napi::CallbackInfo& info, ssize_t result) {
  const double value = result < 0 ? -errno : result;
  return Napi::Number::New(info.Env(), value);
}

inline Napi::Value Fail(const Napi::CallbackInfo& info, int error) {
  return Napi::Number::New(info.Env(), -error);
}

inline Instance& InstanceOf(const Napi::CallbackInfo& info) {
  return *info.Env().GetInstanceData<Instance>();
}

inline const sockaddr* AddressOf(const Bytes& bytes) {
  return reinterpret_cast<const sockaddr*>(bytes.data);
}

template <Napi::Value (*callback)(const Napi::CallbackInfo&)>
void Export(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<callback>(exports.Env(), name));
}

void ExportSocket(Napi::Object exports);
void ExportBatch(Napi::Object exports);
void ExportPoll(Napi::Object exports, Instance* instance);
void ExportSystem(Napi::Object exports);

}  // namespace flowkeeper
