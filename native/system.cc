// What Node lacks beside sockets: a clock without an object, fine timers, whether a write would wait, interfaces that are
// down, schedulers, errno texts.

#include "native.h"

#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <uv.h>

#include <cstring>
#include <filesystem>

using namespace flowkeeper;

namespace {

ssize_t TimerCreate() { return timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC); }

ssize_t TimerArm(int fd, int64_t microseconds) {
  if (microseconds < 0) return Fail(EINVAL);
  itimerspec when{};
  when.it_value = {microseconds / 1000000, microseconds % 1000000 * 1000};
  return timerfd_settime(fd, 0, &when, nullptr);
}

/// 1 or 0. An error counts as room: the write will tell it.
ssize_t HasRoom(int fd) {
  pollfd asked{fd, POLLOUT, 0};
  if (poll(&asked, 1, 0) < 0) return -1;
  if (asked.revents & POLLNVAL) return Fail(EBADF);
  return asked.revents != 0;
}

/// Asks the kernel: netlink would need a dialogue, and libuv hides links that are down.
template <unsigned long request>
ssize_t AskInterface(std::string name) {
  const bool possible = name.size() < IFNAMSIZ && name.find('\0') == std::string::npos;
  if (name.empty() || !possible) return Fail(ENODEV);
  ifreq question{};
  std::memcpy(question.ifr_name, name.data(), name.size());
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int error = ioctl(fd, request, &question) < 0 ? errno : 0;
  close(fd);
  if (error != 0) return Fail(error);
  if (request == SIOCGIFFLAGS) return static_cast<uint16_t>(question.ifr_flags);
  return request == SIOCGIFMTU ? question.ifr_mtu : question.ifr_ifindex;
}

/// Every thread, for a Node process does part of its work on others. Answers how many were set.
ssize_t SetScheduler(int policy, int priority) {
  sched_param parameters{};
  parameters.sched_priority = priority;
  int count = 0;
  std::error_code error;
  std::filesystem::directory_iterator task("/proc/self/task", error), end;
  for (; !error && task != end; task.increment(error)) {
    if (sched_setscheduler(std::stoi(task->path().filename()), policy, &parameters) == 0) {
      count++;
    } else if (errno != ESRCH) {  // A thread may end while we read the list.
      return Fail(errno);
    }
  }
  return error ? Fail(error.value()) : count;
}

/// What the C library says of an error number of either sign, whatever the locale.
template <const char* (*told)(int)>
std::string Tell(int error) {
  const unsigned number = error < 0 ? 0u - error : error;
  const char* text = told(number);
  return text != nullptr ? text : "Unknown error " + std::to_string(number);
}

/// The time at which the turn of the loop began, in milliseconds. An integer from 1 on: V8 keeps a small one without a place
/// in the heap, and 0 is left to mean never.
Napi::Value LoopTime(const Info& info) {
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(info.Env(), &loop);
  static const uint64_t beginning = uv_now(loop) - 1;
  return Answer(info, static_cast<ssize_t>(uv_now(loop) - beginning));
}

}  // namespace

void flowkeeper::ExportSystem(Napi::Object exports) {
  exports.Set("loopTime", Napi::Function::New(exports.Env(), LoopTime, "loopTime"));
  Export<TimerCreate>(exports, "timerCreate");
  Export<TimerArm>(exports, "timerArm");
  Export<HasRoom>(exports, "hasRoom");
  Export<AskInterface<SIOCGIFINDEX>>(exports, "interfaceIndex");
  Export<AskInterface<SIOCGIFMTU>>(exports, "interfaceMtu");
  Export<AskInterface<SIOCGIFFLAGS>>(exports, "interfaceFlags");
  Export<dup2>(exports, "dup2");
  Export<SetScheduler>(exports, "setScheduler");
  Export<Tell<strerrorname_np>>(exports, "errnoName");
  Export<Tell<strerrordesc_np>>(exports, "errnoText");
}
