// Rests of a thread that runs in real time. The kernel keeps a part of each second for the others and takes it in one
// piece from whoever did not leave it to them: 50 ms in which nobody is answered. Who rests a little, often, and on his
// own account, is never stopped.

#include "native.h"

#include <uv.h>

#include <atomic>
#include <ctime>

using namespace flowkeeper;

namespace {

constexpr int64_t kMaxMicroseconds = 1000000;

/// For every thread of the process, in nanoseconds. No work: nobody rests.
std::atomic<uint64_t> work_before_rest{0};
std::atomic<uint64_t> rest_after_work{0};
std::atomic<uint64_t> work_before_first_rest{0};

/// The loop of one environment, looked at once a turn: what it did not spend waiting was work. Where the polls wait
/// instead of libuv, they tell it themselves.
class Loop {
 public:
  static void Watch(Napi::Env env) {
    if (ofThread_ != nullptr) return;
    auto* const self = ofThread_ = new Loop();
    napi_get_uv_event_loop(env, &self->loop_);
    uv_prepare_init(self->loop_, &self->turn_);
    self->turn_.data = self;
    self->idle_ = uv_metrics_idle_time(self->loop_);
    uv_prepare_start(&self->turn_, OnTurn);
    uv_unref(reinterpret_cast<uv_handle_t*>(&self->turn_));
    napi_add_async_cleanup_hook(env, OnEnd, self, &self->hook_);
  }

  /// What libuv has waited since the last call is no work.
  void Turn() {
    const uint64_t idle = uv_metrics_idle_time(loop_);
    LoopRest().Turn(idle - idle_);
    idle_ = idle;
  }

  static thread_local Loop* ofThread_;

 private:
  static void OnTurn(uv_prepare_t* handle) { static_cast<Loop*>(handle->data)->Turn(); }

  static void OnEnd(napi_async_cleanup_hook_handle, void* self) {
    uv_close(reinterpret_cast<uv_handle_t*>(&static_cast<Loop*>(self)->turn_), OnClosed);
  }

  static void OnClosed(uv_handle_t* handle) {
    auto* const self = static_cast<Loop*>(handle->data);
    napi_remove_async_cleanup_hook(self->hook_);
    delete self;
    ofThread_ = nullptr;
  }

  uint64_t idle_ = 0;
  uv_loop_t* loop_ = nullptr;
  uv_prepare_t turn_{};
  napi_async_cleanup_hook_handle hook_ = nullptr;
};

thread_local Loop* Loop::ofThread_ = nullptr;

Napi::Value RestAfter(const Info& info) {
  int64_t first, work, rest;
  ReadArgument(info, 0, &first);
  ReadArgument(info, 1, &work);
  ReadArgument(info, 2, &rest);
  const bool is_sane = 0 < rest && rest <= work && work <= first && first <= kMaxMicroseconds;
  if (!is_sane) return Answer(info, Fail(EINVAL));
  work_before_first_rest = first * 1000;
  rest_after_work = rest * 1000;
  work_before_rest = work * 1000;
  Loop::Watch(info.Env());
  return Answer(info, 0);
}

}  // namespace

Rest& flowkeeper::LoopRest() {
  static thread_local Rest rest;
  return rest;
}

void flowkeeper::LoopHasWaited() {
  if (Loop::ofThread_ != nullptr) Loop::ofThread_->Turn();
}

void Rest::Turn(uint64_t paused) {
  const uint64_t now = uv_hrtime(), work = work_before_rest, rest = rest_after_work;
  const uint64_t passed = since_ == 0 ? 0 : now - since_;
  since_ = now;
  if (work == 0) return;
  if (passed > paused) worked_ += passed - paused;
  // A pause pays for work as far as it goes.
  const uint64_t paid = paused >= rest ? worked_ : paused * work / rest;
  worked_ -= paid < worked_ ? paid : worked_;
  if (worked_ == 0) rests_ = false;
  if (worked_ < (rests_ ? work : work_before_first_rest.load())) return;
  const timespec length{static_cast<time_t>(rest / 1000000000), static_cast<long>(rest % 1000000000)};
  nanosleep(&length, nullptr);
  rests_ = true;
  worked_ = 0;
  since_ = uv_hrtime();
}

void flowkeeper::ExportRest(Napi::Object exports) {
  exports.Set("restAfter", Napi::Function::New(exports.Env(), RestAfter, "restAfter"));
}
