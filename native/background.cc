// System calls of netlink that take their time, on other threads. The kernel works through a batch of requests
// before `send` returns, and the caller prepares the next one meanwhile; it writes the next part of a dump while
// the last one is received, and the caller reads that meanwhile.

#include "native.h"

#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#include <mutex>
#include <system_error>
#include <thread>

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

/// A batch that is received while the caller does something else. Holds the memory and a descriptor of its own.
class ReceiveAhead : public Napi::ObjectWrap<ReceiveAhead> {
 public:
  explicit ReceiveAhead(const Info& info) : Napi::ObjectWrap<ReceiveAhead>(info) {
    int fd;
    ReadArgument(info, 0, &fd);
    ReadArgument(info, 1, &arena_);
    ReadArgument(info, 2, &slot_bytes_);
    ReadArgument(info, 3, &slots_);
    ReadArgument(info, 4, &lengths_);
    ReadArgument(info, 5, &addresses_);
    ReadArgument(info, 6, &stride_);
    for (const size_t i : {1, 4, 5}) held_[i] = Napi::Persistent(info[i].As<Napi::Object>());
    fd_ = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  }

  ~ReceiveAhead() { Release(); }

  Napi::Value Start(const Info& info) {
    if (thread_.joinable()) return Answer(info, Fail(EBUSY));
    try {
      thread_ = std::thread([this] { Receive(); });
      started_ = true;
    } catch (const std::system_error&) {
      // No thread to be had: `finish` receives.
    }
    return Answer(info, 0);
  }

  Napi::Value Finish(const Info& info) {
    if (thread_.joinable()) thread_.join();
    if (!started_) Receive();
    started_ = false;
    return Napi::Number::New(info.Env(), static_cast<double>(result_));
  }

  Napi::Value Close(const Info& info) {
    Release();
    return Answer(info, 0);
  }

 private:
  void Receive() {
    const ssize_t count =
        ReceiveBatchFrom(fd_, arena_, slot_bytes_, slots_, lengths_, addresses_, stride_);
    result_ = count < 0 ? -errno : count;
  }

  void Release() {
    if (thread_.joinable()) thread_.join();
    started_ = false;
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
  /// The thread has received, or will have when it ends.
  bool started_ = false;
  ssize_t result_ = 0;
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
                                  Ahead::InstanceMethod<&Ahead::Finish>("finish"),
                                  Ahead::InstanceMethod<&Ahead::Close>("close")}));
}
