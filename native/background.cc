// A send that takes its time, on a thread of libuv's pool: the kernel works through a batch of
// netlink requests before `send` returns, and the caller prepares the next batch meanwhile.

#include "native.h"

#include <fcntl.h>
#include <unistd.h>

#include <mutex>

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
    const std::lock_guard<std::mutex> entered(door);
    const ssize_t sent = send(fd_, data_, length_, MSG_DONTWAIT | MSG_NOSIGNAL);
    result_ = sent < 0 ? -errno : sent;
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

}  // namespace

void flowkeeper::ExportBackground(Napi::Object exports) {
  const char* const name = "sendInBackground";
  exports.Set(name, Napi::Function::New(exports.Env(), SendInBackground, name));
}
