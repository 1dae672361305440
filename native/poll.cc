// Readiness of a descriptor, on the loop of the environment that asks.
//
// libuv ends a poll handle for good when its descriptor reports an error, and a netlink socket that
// overruns does just that. So the descriptor goes into an epoll of its own, which never reports an
// error, and libuv watches the epoll. An error then looks like readiness, and the next receive
// tells it.

#include "native.h"

#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#include <utility>

namespace flowkeeper {

namespace {

constexpr int kReadable = 1;
constexpr int kWritable = 2;

uint32_t EpollEvents(int events) {
  uint32_t wanted = 0;
  if (events & kReadable) wanted |= EPOLLIN;
  if (events & kWritable) wanted |= EPOLLOUT;
  return wanted;
}

/// What libuv holds: it outlives the JavaScript object until its close callback has run.
struct Watch {
  uv_poll_t handle{};
  int fd = -1;
  int epoll = -1;
  Poll* poll = nullptr;
  Instance* instance = nullptr;
};

void EndIfClosed(Instance* instance) {
  if (!instance->ending || instance->closing != 0) return;
  instance->ending = false;
  napi_remove_async_cleanup_hook(instance->teardown);
}

void OnClosed(uv_handle_t* handle) {
  auto* watch = static_cast<Watch*>(handle->data);
  Instance* instance = watch->instance;
  close(watch->epoll);
  close(watch->fd);
  delete watch;
  instance->closing--;
  EndIfClosed(instance);
}

}  // namespace

class Poll : public Napi::ObjectWrap<Poll> {
 public:
  explicit Poll(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<Poll>(info), instance_(&InstanceOf(info)) {
    const int fd = IntAt(info, 0);
    if (!info[1].IsFunction()) {
      throw Napi::TypeError::New(info.Env(), "argument 2 must be a function");
    }
    callback_ = Napi::Persistent(info[1].As<Napi::Function>());
    fd_ = fd;
    open_ = true;
    instance_->polls.insert(this);
  }

  /// An object that nobody closed closes when it is collected; a started one is never collected.
  ~Poll() { Release(); }

  Napi::Value Start(const Napi::CallbackInfo& info) {
    const int events = IntAt(info, 0);
    if (events <= 0 || (events & ~(kReadable | kWritable)) != 0) return Fail(info, EINVAL);
    if (!open_) return Fail(info, EBADF);
    const int opened = watch_ == nullptr ? Open(info.Env()) : 0;
    if (opened < 0) return Fail(info, -opened);
    epoll_event wanted{};
    wanted.events = EpollEvents(events);
    const int operation = wanted_ == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(watch_->epoll, operation, fd_, &wanted) < 0) return Answer(info, -1);
    if (wanted_ == 0) {
      uv_poll_start(&watch_->handle, UV_READABLE, OnReady);
      Ref();  // The loop calls us from now on.
    }
    wanted_ = events;
    return Answer(info, 0);
  }

  Napi::Value Stop(const Napi::CallbackInfo& info) {
    Halt();
    return Answer(info, 0);
  }

  Napi::Value Close(const Napi::CallbackInfo& info) {
    Release();
    return Answer(info, 0);
  }

  /// Stops, and gives handle and descriptors to the close callback. Safe to call again.
  void Release() {
    if (!open_) return;
    open_ = false;
    instance_->polls.erase(this);
    callback_.Reset();  // It may hold the object it belongs to.
    Watch* watch = std::exchange(watch_, nullptr);
    if (watch == nullptr) {
      close(fd_);
      return;
    }
    watch->poll = nullptr;
    instance_->closing++;
    uv_close(reinterpret_cast<uv_handle_t*>(&watch->handle), OnClosed);
    if (std::exchange(wanted_, 0) != 0) {
      epoll_ctl(watch->epoll, EPOLL_CTL_DEL, fd_, nullptr);
      Unref();
    }
  }

 private:
  int Open(Napi::Env env) {
    uv_loop_t* loop = nullptr;
    if (napi_get_uv_event_loop(env, &loop) != napi_ok) return -EINVAL;
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) return -errno;
    auto* watch = new Watch{{}, fd_, epoll, this, instance_};
    const int status = uv_poll_init(loop, &watch->handle, epoll);
    if (status < 0) {
      close(epoll);
      delete watch;
      return status;
    }
    watch->handle.data = watch;
    watch_ = watch;
    return 0;
  }

  void Halt() {
    if (std::exchange(wanted_, 0) == 0) return;
    uv_poll_stop(&watch_->handle);
    epoll_ctl(watch_->epoll, EPOLL_CTL_DEL, fd_, nullptr);
    Unref();
  }

  static void OnReady(uv_poll_t* handle, int status, int) {
    auto* watch = static_cast<Watch*>(handle->data);
    if (watch->poll == nullptr) return;
    epoll_event event{};
    const int ready = epoll_wait(watch->epoll, &event, 1, 0);
    if (ready < 0 && status == 0) status = -errno;
    if (ready == 0 && status == 0) return;
    int events = ((event.events & EPOLLIN) ? kReadable : 0) |
                 ((event.events & EPOLLOUT) ? kWritable : 0);
    // An error or a hang-up wakes whoever waits, for reading or writing: the call will tell it.
    if (event.events & (EPOLLERR | EPOLLHUP)) events = watch->poll->wanted_;
    watch->poll->Call(status, events);
  }

  /// Calls JavaScript the way Node does: an exception becomes an uncaught exception.
  void Call(int status, int events) {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    napi_value arguments[2], result, error;
    napi_create_int32(env, status, &arguments[0]);
    napi_create_int32(env, events, &arguments[1]);
    // The object may be closed by the call: nothing of it is touched afterwards.
    const napi_status called =
        napi_make_callback(env, nullptr, Value(), callback_.Value(), 2, arguments, &result);
    if (called != napi_pending_exception) return;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  }

  Instance* instance_;
  Napi::FunctionReference callback_;
  Watch* watch_ = nullptr;
  int fd_ = -1;
  int wanted_ = 0;
  bool open_ = false;
};

namespace {

/// The environment ends: closes every handle, and lets it end when the last is closed.
void OnTeardown(napi_async_cleanup_hook_handle handle, void* data) {
  auto* instance = static_cast<Instance*>(data);
  instance->teardown = handle;
  instance->ending = true;
  while (!instance->polls.empty()) (*instance->polls.begin())->Release();
  EndIfClosed(instance);
}

}  // namespace

void ExportPoll(Napi::Object exports, Instance* instance) {
  const Napi::Env env = exports.Env();
  exports.Set("Poll", Poll::DefineClass(env, "Poll",
                                        {Poll::InstanceMethod<&Poll::Start>("start"),
                                         Poll::InstanceMethod<&Poll::Stop>("stop"),
                                         Poll::InstanceMethod<&Poll::Close>("close")}));
  napi_add_async_cleanup_hook(env, OnTeardown, instance, &instance->teardown);
}

}  // namespace flowkeeper
