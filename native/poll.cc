// Readiness of descriptors, on the loop of the environment that asks.
//
// All descriptors of an environment are in one epoll, and libuv watches that. Once something is ready, the environment
// stays with the epoll for as long as libuv has nothing to do, and waits there for libuv's descriptors as well: a turn
// costs one system call and allocates nothing. A turn of Node's loop costs two, and makes an object.
//
// An error of a descriptor looks like readiness, and the next call on it tells the error. libuv would end a poll handle
// for good there, and a netlink socket that overruns reports an error.

#include "native.h"

#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <unordered_set>

using namespace flowkeeper;

namespace {

class Poll;

/// What an environment waits for.
class Waiting {
 public:
  /// Makes it where there is none yet; or nullptr, with errno.
  static Waiting* Of(Napi::Env env);

  /// Waits for the first time, or for something else. -1 with errno.
  int Add(Poll* poll, int fd, uint32_t events);
  void Remove(Poll* poll, int fd);

  /// When this thread has looked last what is ready, in nanoseconds.
  static thread_local uint64_t looked;

 private:
  static constexpr size_t kReady = 64;

  int Open(Napi::Env env);
  template <typename Handle>
  int Own(Handle* handle, int error);
  int WatchLoop();
  static void OnLooked(uv_check_t*) { looked = uv_hrtime(); }
  static void OnReady(uv_poll_t* handle, int status, int events);
  void Stay();
  bool Turn(int milliseconds);
  static void OnEnd(napi_async_cleanup_hook_handle, void* self);
  static void OnClosed(uv_handle_t* handle);
  template <typename Handle>
  static uv_handle_t* AsHandle(Handle* handle) {
    return reinterpret_cast<uv_handle_t*>(handle);
  }

  static thread_local Waiting* ofThread_;
  uv_loop_t* loop_ = nullptr;
  int epoll_ = -1;
  uv_poll_t handle_{};
  /// Keeps the loop alive while somebody waits: `handle_` stops where `Stay` takes over.
  uv_async_t alive_{};
  /// Where nothing is ready, libuv looks alone.
  uv_check_t libuv_looked_{};
  int open_handles_ = 0;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  std::unordered_set<Poll*> polls_;
  /// What the last wait told, and how many of it have not been called yet.
  epoll_event ready_[kReady];
  int uncalled_ = 0;
};

/// A poll that was started once lives until it is closed, whoever holds it in JavaScript.
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
    StopWaiting();
    return Answer(info, 0);
  }

  Napi::Value Close(const Info& info) {
    Release();
    return Answer(info, 0);
  }

  /// Safe to call again, and from the callback.
  void Release() {
    if (!open_) return;
    open_ = false;
    StopWaiting();
    close(fd_);
    callback_.Reset();  // It may hold the object it belongs to.
    if (!is_called_) Forget();
  }

  /// Calls JavaScript the way Node does: an exception becomes an uncaught exception.
  void OnReady(uint32_t ready) {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    const napi_value events = Napi::Number::New(env, Which(ready));
    napi_value result, error;
    is_called_ = true;
    const napi_status called = napi_make_callback(env, context_, Value(), callback_.Value(), 1, &events, &result);
    is_called_ = false;
    if (!open_) Forget();
    if (called != napi_pending_exception) return;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  }

 private:
  int Await(Napi::Env env, int events) {
    if (events <= 0 || events > (UV_READABLE | UV_WRITABLE)) return Fail(EINVAL);
    Waiting* const waiting = Waiting::Of(env);
    if (waiting == nullptr) return -1;
    uint32_t wanted = 0;
    if (events & UV_READABLE) wanted |= EPOLLIN;
    if (events & UV_WRITABLE) wanted |= EPOLLOUT;
    if (waiting->Add(this, fd_, wanted) < 0) return -1;
    waiting_ = waiting;
    wanted_ = events;
    if (context_ != nullptr) return 0;
    // One context for all calls: without it, Node makes an object for each.
    napi_async_init(env, Value(), Napi::String::New(env, "flowkeeper.Poll"), &context_);
    Ref();
    return 0;
  }

  void StopWaiting() {
    if (waiting_ != nullptr) waiting_->Remove(this, fd_);
    waiting_ = nullptr;
  }

  /// Nobody calls any more.
  void Forget() {
    if (context_ == nullptr) return;
    napi_async_destroy(Env(), context_);
    context_ = nullptr;
    Unref();
  }

  /// Which of the things wanted is there. An error or a hang-up wakes whoever waits, for reading or writing: the call
  /// will tell it.
  int Which(uint32_t ready) const {
    if (ready & (EPOLLERR | EPOLLHUP)) return wanted_;
    return (ready & EPOLLIN ? UV_READABLE : 0) | (ready & EPOLLOUT ? UV_WRITABLE : 0);
  }

  Napi::FunctionReference callback_;
  napi_async_context context_ = nullptr;
  Waiting* waiting_ = nullptr;
  int fd_ = -1;
  int wanted_ = 0;
  bool open_ = true;
  bool is_called_ = false;
};

thread_local Waiting* Waiting::ofThread_ = nullptr;
thread_local uint64_t Waiting::looked = uv_hrtime();

Waiting* Waiting::Of(Napi::Env env) {
  if (ofThread_ != nullptr) return ofThread_;
  auto* const self = new Waiting();
  if (self->Open(env) < 0) return nullptr;
  return ofThread_ = self;
}

/// What was opened before a failure goes by way of `OnClosed`.
int Waiting::Open(Napi::Env env) {
  napi_get_uv_event_loop(env, &loop_);
  int error = Own(&libuv_looked_, uv_check_init(loop_, &libuv_looked_));
  if (error == 0) error = Own(&alive_, uv_async_init(loop_, &alive_, nullptr));
  if (error == 0 && (epoll_ = epoll_create1(EPOLL_CLOEXEC)) < 0) error = -errno;
  if (error == 0) error = Own(&handle_, uv_poll_init(loop_, &handle_, epoll_));
  if (error == 0) error = WatchLoop();
  if (error != 0) {
    OnEnd(nullptr, this);
    return Fail(-error);
  }
  uv_check_start(&libuv_looked_, OnLooked);
  napi_add_async_cleanup_hook(env, OnEnd, this, &hook_);
  return 0;
}

/// None of the handles keeps the loop alive by itself.
template <typename Handle>
int Waiting::Own(Handle* handle, int error) {
  if (error != 0) return error;
  handle->data = this;
  uv_unref(AsHandle(handle));
  open_handles_ += 1;
  return 0;
}

int Waiting::WatchLoop() { return uv_poll_start(&handle_, UV_READABLE, OnReady); }

int Waiting::Add(Poll* poll, int fd, uint32_t events) {
  epoll_event wanted{};
  wanted.events = events;
  wanted.data.ptr = poll;
  const bool is_new = polls_.count(poll) == 0;
  if (epoll_ctl(epoll_, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &wanted) < 0) return -1;
  if (is_new) polls_.insert(poll);
  uv_ref(AsHandle(&alive_));
  return 0;
}

void Waiting::Remove(Poll* poll, int fd) {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  polls_.erase(poll);
  if (polls_.empty()) uv_unref(AsHandle(&alive_));
  // It may be ready already, and behind the one that is called just now.
  for (int i = 0; i < uncalled_; i++) {
    if (ready_[i].data.ptr == poll) ready_[i] = ready_[--uncalled_];
  }
}

void Waiting::OnReady(uv_poll_t* handle, int, int) {
  auto* const self = static_cast<Waiting*>(handle->data);
  LoopHasWaited();
  self->Turn(0);
  if (uv_backend_timeout(self->loop_) != 0) self->Stay();
}

/// Takes the place of libuv's wait, until libuv has something to do: what `uv_backend_fd` and `uv_backend_timeout` are
/// for. An epoll cannot watch another one that watches it, so libuv lets go of this one meanwhile.
void Waiting::Stay() {
  const int backend = uv_backend_fd(loop_);
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  uv_poll_stop(&handle_);
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, backend, &wanted) == 0) {
    int milliseconds;
    do {
      milliseconds = uv_backend_timeout(loop_);
    } while (milliseconds != 0 && Turn(milliseconds));
    epoll_ctl(epoll_, EPOLL_CTL_DEL, backend, nullptr);
  }
  WatchLoop();
}

/// Waits at most that long (-1: as long as it takes), and calls whoever is ready. Whether libuv has nothing to do still.
bool Waiting::Turn(int milliseconds) {
  const uint64_t began = uv_hrtime();
  uncalled_ = std::max(0, epoll_wait(epoll_, ready_, kReady, milliseconds));
  bool is_idle = uncalled_ > 0;
  looked = uv_hrtime();
  if (milliseconds != 0) {
    LoopRest().Turn(looked - began);
    uv_update_time(loop_);
  }
  while (uncalled_ > 0) {
    const epoll_event& ready = ready_[--uncalled_];
    auto* const poll = static_cast<Poll*>(ready.data.ptr);
    if (poll == nullptr) is_idle = false;
    else poll->OnReady(ready.events);
  }
  return is_idle;
}

/// The environment (the main thread, or one worker) ends, and waits until the hook is removed.
void Waiting::OnEnd(napi_async_cleanup_hook_handle, void* data) {
  auto* const self = static_cast<Waiting*>(data);
  while (!self->polls_.empty()) (*self->polls_.begin())->Release();
  ofThread_ = nullptr;
  uv_handle_t* const handles[] = {AsHandle(&self->libuv_looked_), AsHandle(&self->alive_), AsHandle(&self->handle_)};
  for (uv_handle_t* const handle : handles) {
    if (handle->data != nullptr) uv_close(handle, OnClosed);
  }
}

void Waiting::OnClosed(uv_handle_t* handle) {
  auto* const self = static_cast<Waiting*>(handle->data);
  if (--self->open_handles_ > 0) return;
  if (self->epoll_ >= 0) close(self->epoll_);
  if (self->hook_ != nullptr) napi_remove_async_cleanup_hook(self->hook_);
  delete self;
}

Napi::Value TurnTime(const Info& info) {
  return Answer(info, std::min<uint64_t>((uv_hrtime() - Waiting::looked) / 1000, INT32_MAX));
}

}  // namespace

void flowkeeper::ExportPoll(Napi::Object exports) {
  const Napi::Env env = exports.Env();
  exports.Set("turnTime", Napi::Function::New(env, TurnTime, "turnTime"));
  exports.Set("Poll", Poll::DefineClass(env, "Poll",
                                        {Poll::InstanceMethod<&Poll::Start>("start"),
                                         Poll::InstanceMethod<&Poll::Stop>("stop"),
                                         Poll::InstanceMethod<&Poll::Close>("close")}));
}
