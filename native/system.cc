// What Node lacks beside sockets: fine timers, interfaces that are down, the scheduler, errno texts.

#include "native.h"

#include <dirent.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace flowkeeper {

namespace {

using Info = Napi::CallbackInfo;

Napi::Value TimerCreate(const Info& info) {
  return Answer(info, timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
}

Napi::Value TimerArm(const Info& info) {
  const int64_t microseconds = IntegerAt(info, 1);
  if (microseconds < 0) return Fail(info, EINVAL);
  itimerspec when{};
  when.it_value = {microseconds / 1000000, microseconds % 1000000 * 1000};
  return Answer(info, timerfd_settime(IntAt(info, 0), 0, &when, nullptr));
}

/// Asks the kernel about an interface by name: netlink would need a dialogue, libuv hides links that
/// are down.
int AskInterface(const Info& info, unsigned long request, ifreq* question) {
  if (!info[0].IsString()) throw Napi::TypeError::New(info.Env(), "argument 1 must be a string");
  const std::string name = info[0].As<Napi::String>().Utf8Value();
  if (name.empty() || name.size() >= IFNAMSIZ || name.find('\0') != std::string::npos) {
    errno = ENODEV;
    return -1;
  }
  std::memcpy(question->ifr_name, name.data(), name.size());
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int result = ioctl(fd, request, question);
  const int error = errno;
  close(fd);
  errno = error;
  return result;
}

Napi::Value InterfaceIndex(const Info& info) {
  ifreq question{};
  const int result = AskInterface(info, SIOCGIFINDEX, &question);
  return Answer(info, result < 0 ? result : question.ifr_ifindex);
}

Napi::Value InterfaceMtu(const Info& info) {
  ifreq question{};
  const int result = AskInterface(info, SIOCGIFMTU, &question);
  return Answer(info, result < 0 ? result : question.ifr_mtu);
}

Napi::Value InterfaceFlags(const Info& info) {
  ifreq question{};
  const int result = AskInterface(info, SIOCGIFFLAGS, &question);
  return Answer(info, result < 0 ? result : static_cast<uint16_t>(question.ifr_flags));
}

Napi::Value Dup2(const Info& info) { return Answer(info, dup2(IntAt(info, 0), IntAt(info, 1))); }

/// Every thread, for a Node process does part of its work on others. Answers how many were set.
Napi::Value SetScheduler(const Info& info) {
  const int policy = IntAt(info, 0);
  sched_param parameters{};
  parameters.sched_priority = IntAt(info, 1);
  DIR* tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return Fail(info, errno);
  int count = 0, error = 0;
  while (const dirent* entry = readdir(tasks)) {
    const int thread = std::atoi(entry->d_name);
    if (thread <= 0) continue;
    if (sched_setscheduler(thread, policy, &parameters) == 0) {
      count++;
    } else if (errno != ESRCH) {  // A thread may end while we read the list.
      error = errno;
      break;
    }
  }
  closedir(tasks);
  return error != 0 ? Fail(info, error) : Answer(info, count);
}

Napi::Value ErrnoName(const Info& info) {
  const int error = std::abs(IntAt(info, 0));
  const char* name = strerrorname_np(error);
  return Napi::String::New(info.Env(), name ? name : "Unknown error " + std::to_string(error));
}

/// The text of the C library, whatever the locale: log lines carry these words.
Napi::Value ErrnoText(const Info& info) {
  const int error = std::abs(IntAt(info, 0));
  const char* text = strerrordesc_np(error);
  return Napi::String::New(info.Env(), text ? text : "Unknown error " + std::to_string(error));
}

}  // namespace

void ExportSystem(Napi::Object exports) {
  Export<TimerCreate>(exports, "timerCreate");
  Export<TimerArm>(exports, "timerArm");
  Export<InterfaceIndex>(exports, "interfaceIndex");
  Export<InterfaceMtu>(exports, "interfaceMtu");
  Export<InterfaceFlags>(exports, "interfaceFlags");
  Export<Dup2>(exports, "dup2");
  Export<SetScheduler>(exports, "setScheduler");
  Export<ErrnoName>(exports, "errnoName");
  Export<ErrnoText>(exports, "errnoText");
}

}  // namespace flowkeeper
