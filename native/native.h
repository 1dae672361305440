// What the files of the addon share: how a function of C++ becomes one of JavaScript.
//
// The addon moves bytes and never interprets them. A function declares its arguments and answers
// as a system call does: a count or a descriptor, or -1 with errno, which JavaScript sees as the
// negative errno. A wrong argument type throws, a value out of range is -EINVAL.

#pragma once

#include <napi.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <tuple>

namespace flowkeeper {

using Info = Napi::CallbackInfo;

struct Bytes {
  uint8_t* data = nullptr;
  size_t size = 0;
  const sockaddr* Address() const { return reinterpret_cast<const sockaddr*>(data); }
};

/// Null is taken, too: no bytes.
struct BytesOrNull : Bytes {};

struct Words {
  int32_t* data = nullptr;
  size_t size = 0;
};

[[noreturn]] void RefuseArgument(const Info& info, size_t index, const char* expected);

// Each reads one argument, or throws. An int has 32 bits; an int64_t at most 53.
void ReadArgument(const Info& info, size_t index, int* out);
void ReadArgument(const Info& info, size_t index, int64_t* out);
void ReadArgument(const Info& info, size_t index, Bytes* out);
void ReadArgument(const Info& info, size_t index, BytesOrNull* out);
void ReadArgument(const Info& info, size_t index, Words* out);
void ReadArgument(const Info& info, size_t index, std::string* out);

/// True when `length` items from `offset` lie within `size`.
inline bool Holds(size_t size, int64_t offset, int64_t length) {
  return offset >= 0 && length >= 0 && static_cast<uint64_t>(offset) + length <= size;
}

/// The failure of a system call that was not made.
inline int Fail(int error) {
  errno = error;
  return -1;
}

inline Napi::Value Answer(const Info& info, ssize_t result) {
  return Napi::Number::New(info.Env(), static_cast<double>(result < 0 ? -errno : result));
}

inline Napi::Value Answer(const Info& info, const std::string& text) {
  return Napi::String::New(info.Env(), text);
}

/// Reads all arguments, from left to right, before anything happens.
template <typename Result, typename... Arguments>
Napi::Value Call(const Info& info, Result (*function)(Arguments...)) {
  std::tuple<Arguments...> arguments;
  [[maybe_unused]] size_t index = 0;
  std::apply([&](auto&... each) { (ReadArgument(info, index++, &each), ...); }, arguments);
  return Answer(info, std::apply(function, arguments));
}

template <auto function>
void Export(Napi::Object exports, const char* name) {
  const auto call = [](const Info& info) { return Call(info, function); };
  exports.Set(name, Napi::Function::New(exports.Env(), call, name));
}

/// What one thread owes for its work (`restAfter` of index.ts).
class Rest {
 public:
  /// A piece of work has ended. Of the nanoseconds since the last one, it waited that many. Rests where it is time.
  void Turn(uint64_t paused);

 private:
  uint64_t worked_ = 0;
  uint64_t since_ = 0;
  bool rests_ = false;
};

/// Of the loop of this thread.
Rest& LoopRest();

/// Libuv has waited, and somebody else waits from now on.
void LoopHasWaited();

/// As `recvmmsg`; the senders' addresses lie `stride` bytes apart. -1 with errno.
ssize_t ReceiveBatchFrom(int fd, Bytes arena, int64_t slot_bytes, int64_t slots, Words lengths,
                         Bytes addresses, int64_t stride);

void ExportSocket(Napi::Object exports);
void ExportBatch(Napi::Object exports);
void ExportBackground(Napi::Object exports);
void ExportPoll(Napi::Object exports);
void ExportRest(Napi::Object exports);
void ExportSystem(Napi::Object exports);

}  // namespace flowkeeper
