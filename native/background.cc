// System calls of netlink that take their time, on other threads. The kernel works through a batch of requests
// before `send` returns, and the caller prepares the next one meanwhile; it writes the next parts of a dump
// while the caller reads the last one.

#include "native.h"

#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

using namespace flowkeeper;

namespace {

/// Holds the bytes until the kernel has seen them, and a descriptor of its own: the caller may close his.
class Sending : public Napi::AsyncWorker {
 public:
  Sending(const Info& info, int fd, Bytes bytes, size_t length)
      : Napi::AsyncWorker(info[3].As<Napi::Function>()),
        held_(Napi::Persistent(info[1].As<Napi::Object>())),
        fd_(fd),
        data_(bytes.data),
        length_(length) {}

  ~Sending() override { close(fd_); }

  void Execute() override {
    // The kernel obeys one at a time. A second one would spin at its door, on a processor that others could use.
    static std::mutex door;
    static Rest rest;
    static uint64_t ended = 0;
    const std::lock_guard<std::mutex> entered(door);
    const uint64_t began = uv_hrtime();
    const ssize_t sent = send(fd_, data_, length_, MSG_DONTWAIT | MSG_NOSIGNAL);
    result_ = sent < 0 ? -errno : sent;
    rest.Turn(began - ended);
    ended = uv_hrtime();
  }

  std::vector<napi_value> GetResult(Napi::Env env) override {
    return {Napi::Number::New(env, static_cast<double>(result_))};
  }

 private:
  Napi::ObjectReference held_;
  const int fd_;
  const uint8_t* const data_;
  const size_t length_;
  ssize_t result_ = 0;
};

Napi::Value SendInBackground(const Info& info) {
  int fd;
  Bytes bytes;
  int64_t length;
  ReadArgument(info, 0, &fd);
  ReadArgument(info, 1, &bytes);
  ReadArgument(info, 2, &length);
  if (!info[3].IsFunction()) RefuseArgument(info, 3, "a function");
  if (!Holds(bytes.size, 0, length)) return Answer(info, Fail(EINVAL));
  const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return Answer(info, own);
  (new Sending(info, own, bytes, length))->Queue();
  return Answer(info, 0);
}

/// A dump that is received while the caller reads what has come: a ring of parts, a batch each, of which the caller
/// has one and a thread fills the others. Holds the memory and a descriptor of its own.
class ReceiveAhead : public Napi::ObjectWrap<ReceiveAhead> {
 public:
  explicit ReceiveAhead(const Info& info) : Napi::ObjectWrap<ReceiveAhead>(info) {
    int fd;
    int64_t parts;
    ReadArgument(info, 0, &fd);
    ReadArgument(info, 1, &arena_);
    ReadArgument(info, 2, &slot_bytes_);
    ReadArgument(info, 3, &slots_);
    ReadArgument(info, 4, &lengths_);
    ReadArgument(info, 5, &addresses_);
    ReadArgument(info, 6, &stride_);
    ReadArgument(info, 7, &parts);
    results_.resize(parts > 0 && parts <= kMaxParts ? parts : 0);
    for (const size_t i : {1, 4, 5}) held_[i] = Napi::Persistent(info[i].As<Napi::Object>());
    fd_ = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  }

  ~ReceiveAhead() { Release(); }

  Napi::Value Start(const Info& info) {
    if (is_ahead_) return Answer(info, Fail(EBUSY));
    if (results_.size() < 2) return Answer(info, Fail(EINVAL));
    current_ = received_ = 0;
    is_over_ = is_unwanted_ = false;
    is_ahead_ = true;
    try {
      thread_ = std::thread([this] { ReceiveAll(); });
    } catch (const std::system_error&) {
      // No thread to be had: `next` receives.
    }
    return Answer(info, 0);
  }

  Napi::Value Next(const Info& info) {
    const ssize_t result = NextPart();
    return Napi::Number::New(info.Env(), static_cast<double>(result < 0 ? -errno : result));
  }

  Napi::Value Stop(const Info& info) {
    End();
    return Answer(info, 0);
  }

  Napi::Value Close(const Info& info) {
    Release();
    return Answer(info, 0);
  }

 private:
  static constexpr int64_t kMaxParts = 1024;

  ssize_t NextPart() {
    if (!is_ahead_) return Receive(0);
    if (!thread_.joinable()) return Receive(++current_);
    std::unique_lock<std::mutex> lock(mutex_);
    // The part that the caller had is free from now on.
    current_ += 1;
    changed_.notify_one();
    changed_.wait(lock, [this] { return received_ >= current_ || is_over_; });
    if (received_ < current_) return Fail(EAGAIN);
    const ssize_t result = results_[current_ % results_.size()];
    return result < 0 ? Fail(-result) : result;
  }

  void ReceiveAll() {
    for (;;) {
      {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [this] {
          return is_unwanted_ || received_ + 1 - current_ < results_.size();
        });
        if (is_unwanted_) return;
      }
      const size_t part = received_ + 1;
      const ssize_t result = Receive(part);
      const std::lock_guard<std::mutex> lock(mutex_);
      results_[part % results_.size()] = result < 0 ? -errno : result;
      received_ = part;
      // Less than there is room for: nothing more will come.
      is_over_ = result != slots_;
      changed_.notify_one();
      if (is_over_) return;
    }
  }

  ssize_t Receive(size_t number) {
    if (results_.empty() || slots_ <= 0) return Fail(EINVAL);
    const auto parts = static_cast<int64_t>(results_.size());
    const auto part = static_cast<int64_t>(number % results_.size());
    const auto piece = [&](auto all) {
      all.size /= parts;
      all.data += part * all.size;
      return all;
    };
    return ReceiveBatchFrom(fd_, piece(arena_), slot_bytes_, slots_, piece(lengths_),
                            piece(addresses_), stride_);
  }

  void End() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      is_unwanted_ = true;
      changed_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
    is_ahead_ = false;
  }

  void Release() {
    End();
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  Napi::ObjectReference held_[6];
  int fd_ = -1;
  Bytes arena_;
  int64_t slot_bytes_ = 0;
  int64_t slots_ = 0;
  Words lengths_;
  Bytes addresses_;
  int64_t stride_ = 0;
  std::thread thread_;
  bool is_ahead_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  /// What became of each part.
  std::vector<ssize_t> results_;
  /// Numbers of parts since `start`: the one that the caller has, and the last one that has come.
  size_t current_ = 0;
  size_t received_ = 0;
  bool is_over_ = false;
  bool is_unwanted_ = false;
};

}  // namespace

void flowkeeper::ExportBackground(Napi::Object exports) {
  const Napi::Env env = exports.Env();
  const char* const name = "sendInBackground";
  exports.Set(name, Napi::Function::New(env, SendInBackground, name));
  using Ahead = ReceiveAhead;
  exports.Set("ReceiveAhead",
              Ahead::DefineClass(env, "ReceiveAhead",
                                 {Ahead::InstanceMethod<&Ahead::Start>("start"),
                                  Ahead::InstanceMethod<&Ahead::Next>("next"),
                                  Ahead::InstanceMethod<&Ahead::Stop>("stop"),
                                  Ahead::InstanceMethod<&Ahead::Close>("close")}));
}
