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

using namespace flowkeeper;

namespace {

/// A poll that was started once lives until its handle is closed, whoever holds it in JavaScript.
class Poll : public Napi::ObjectWrap<Poll> {
 public:
  explicit Poll(const Info& info) : Napi::ObjectWrap<Poll>(info) {
    ReadArgument(info, 0, &fd_);
    if (!info[1].IsFunction()) RefuseArgument(info, 1, "a function");
    callback_ = Napi::Persistent(info[1].As<Napi::Function>());
  }

  ~Poll() { Release(); }

  Napi::Value Start(const Info& info) {
    int events;
    ReadArgument(info, 0, &events);
    return Answer(info, open_ ? Await(info.Env(), events) : Fail(EBADF));
  }

  Napi::Value Stop(const Info& info) {
    if (open_ && epoll_ >= 0) uv_poll_stop(&handle_);
    return Answer(info, 0);
  }

  Napi::Value Close(const Info& info) {
    Release();
    return Answer(info, 0);
  }

 private:
  int Await(Napi::Env env, int events) {
    if (events <= 0 || events > (UV_READABLE | UV_WRITABLE)) return Fail(EINVAL);
    if (epoll_ < 0 && Open(env) < 0) return -1;
    epoll_event wanted{};
    if (events & UV_READABLE) wanted.events |= EPOLLIN;
    if (events & UV_WRITABLE) wanted.events |= EPOLLOUT;
    if (epoll_ctl(epoll_, EPOLL_CTL_MOD, fd_, &wanted) < 0) return -1;
    wanted_ = events;
    uv_poll_start(&handle_, UV_READABLE, OnReady);
    return 0;
  }

  /// Makes the epoll and the handle, or leaves errno and neither.
  int Open(Napi::Env env) {
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(env, &loop);
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) return -1;
    epoll_event nothing{};
    int error = epoll_ctl(epoll, EPOLL_CTL_ADD, fd_, &nothing) < 0 ? errno : 0;
    if (error == 0) error = -uv_poll_init(loop, &handle_, epoll);
    if (error != 0) {
      close(epoll);
      return Fail(error);
    }
    handle_.data = this;
    epoll_ = epoll;
    Ref();
    // One context for all calls: without it, Node makes an object for each.
    napi_async_init(env, Value(), Napi::String::New(env, "flowkeeper.Poll"), &context_);
    napi_add_async_cleanup_hook(env, OnEnd, this, &hook_);
    return 0;
  }

  /// Stops, and gives handle and descriptors to the close callback. Safe to call again.
  void Release() {
    if (!open_) return;
    open_ = false;
    callback_.Reset();  // It may hold the object it belongs to.
    if (epoll_ < 0) {
      close(fd_);
    } else {
      uv_close(reinterpret_cast<uv_handle_t*>(&handle_), OnClosed);
    }
  }

  static void OnClosed(uv_handle_t* handle) {
    auto* poll = static_cast<Poll*>(handle->data);
    close(poll->epoll_);
    close(poll->fd_);
    napi_async_destroy(poll->Env(), poll->context_);
    poll->Unref();
    napi_remove_async_cleanup_hook(poll->hook_);
  }

  /// The environment (the main thread, or one worker) ends, and waits until the hook is removed.
  static void OnEnd(napi_async_cleanup_hook_handle, void* poll) {
    static_cast<Poll*>(poll)->Release();
  }

  /// Which of the two things wanted is there; who wants one thing needs not ask. An error or a
  /// hang-up wakes whoever waits, for reading or writing: the call will tell it.
  int Which() const {
    epoll_event ready{};
    if (epoll_wait(epoll_, &ready, 1, 0) < 1) return 0;
    if (ready.events & (EPOLLERR | EPOLLHUP)) return wanted_;
    return (ready.events & EPOLLIN ? UV_READABLE : 0) | (ready.events & EPOLLOUT ? UV_WRITABLE : 0);
  }

  /// Calls JavaScript the way Node does: an exception becomes an uncaught exception.
  static void OnReady(uv_poll_t* handle, int status, int) {
    auto* poll = static_cast<Poll*>(handle->data);
    int events = poll->wanted_;
    if (status == 0 && events == (UV_READABLE | UV_WRITABLE)) events = poll->Which();
    if (events == 0) return;
    const Napi::Env env = poll->Env();
    const Napi::HandleScope scope(env);
    const napi_value arguments[] = {Napi::Number::New(env, status), Napi::Number::New(env, events)};
    napi_value result, error;
    const napi_status called = napi_make_callback(env, poll->context_, poll->Value(),
                                                  poll->callback_.Value(), 2, arguments, &result);
    if (called != napi_pending_exception) return;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  }

  Napi::FunctionReference callback_;
  uv_poll_t handle_{};
  napi_async_context context_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  int fd_ = -1;
  int epoll_ = -1;
  int wanted_ = 0;
  bool open_ = true;
};

}  // namespace

void flowkeeper::ExportPoll(Napi::Object exports) {
  const Napi::Env env = exports.Env();
  exports.Set("Poll", Poll::DefineClass(env, "Poll",
                                        {Poll::InstanceMethod<&Poll::Start>("start"),
                                         Poll::InstanceMethod<&Poll::Stop>("stop"),
                                         Poll::InstanceMethod<&Poll::Close>("close")}));
}
