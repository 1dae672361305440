// One system call each: sockets, their names, options and filters, and single messages.
//
// Descriptors made here close on exec and never block.

#include "native.h"

#include <linux/filter.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

namespace flowkeeper {

namespace {

using Info = Napi::CallbackInfo;

Napi::Value Socket(const Info& info) {
  const int type = IntAt(info, 1) | SOCK_CLOEXEC | SOCK_NONBLOCK;
  return Answer(info, socket(IntAt(info, 0), type, IntAt(info, 2)));
}

Napi::Value Bind(const Info& info) {
  const Bytes address = BytesAt(info, 1);
  return Answer(info, bind(IntAt(info, 0), AddressOf(address), address.size));
}

Napi::Value Connect(const Info& info) {
  const Bytes address = BytesAt(info, 1);
  return Answer(info, connect(IntAt(info, 0), AddressOf(address), address.size));
}

Napi::Value Listen(const Info& info) {
  return Answer(info, listen(IntAt(info, 0), IntAt(info, 1)));
}

Napi::Value Accept(const Info& info) {
  return Answer(info, accept4(IntAt(info, 0), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

Napi::Value Shutdown(const Info& info) {
  return Answer(info, shutdown(IntAt(info, 0), IntAt(info, 1)));
}

Napi::Value Close(const Info& info) { return Answer(info, close(IntAt(info, 0))); }

Napi::Value GetSockName(const Info& info) {
  const Bytes out = BytesAt(info, 1);
  socklen_t length = out.size;
  const int result = getsockname(IntAt(info, 0), reinterpret_cast<sockaddr*>(out.data), &length);
  // The kernel tells the true length; what was written is never more than the room there was.
  return Answer(info, result < 0 ? result : std::min<ssize_t>(length, out.size));
}

Napi::Value SetOption(const Info& info) {
  const Bytes value = BytesAt(info, 3);
  return Answer(info, setsockopt(IntAt(info, 0), IntAt(info, 1), IntAt(info, 2), value.data,
                                 value.size));
}

Napi::Value GetOption(const Info& info) {
  const Bytes out = BytesAt(info, 3);
  socklen_t length = out.size;
  const int result =
      getsockopt(IntAt(info, 0), IntAt(info, 1), IntAt(info, 2), out.data, &length);
  return Answer(info, result < 0 ? result : std::min<ssize_t>(length, out.size));
}

Napi::Value AttachFilter(const Info& info) {
  const int fd = IntAt(info, 0);
  const Bytes program = BytesAt(info, 1);
  const size_t count = program.size / sizeof(sock_filter);
  if (program.size % sizeof(sock_filter) != 0 || count > USHRT_MAX) return Fail(info, EINVAL);
  sock_fprog filter{static_cast<uint16_t>(count), reinterpret_cast<sock_filter*>(program.data)};
  const int name = count == 0 ? SO_DETACH_FILTER : SO_ATTACH_FILTER;
  return Answer(info, setsockopt(fd, SOL_SOCKET, name, &filter, sizeof(filter)));
}

Napi::Value Send(const Info& info) {
  const Bytes bytes = BytesAt(info, 1);
  const int64_t offset = IntegerAt(info, 2), length = IntegerAt(info, 3);
  if (!bytes.Holds(offset, length)) return Fail(info, EINVAL);
  return Answer(info, send(IntAt(info, 0), bytes.data + offset, length,
                           MSG_DONTWAIT | MSG_NOSIGNAL));
}

Napi::Value SendTo(const Info& info) {
  const Bytes bytes = BytesAt(info, 1), address = BytesAt(info, 2);
  return Answer(info, sendto(IntAt(info, 0), bytes.data, bytes.size, MSG_DONTWAIT | MSG_NOSIGNAL,
                             AddressOf(address), address.size));
}

Napi::Value Receive(const Info& info) {
  const Bytes bytes = BytesAt(info, 1);
  const int64_t offset = IntegerAt(info, 2), length = IntegerAt(info, 3);
  if (!bytes.Holds(offset, length)) return Fail(info, EINVAL);
  return Answer(info, recv(IntAt(info, 0), bytes.data + offset, length, MSG_DONTWAIT));
}

Napi::Value Read(const Info& info) {
  const Bytes bytes = BytesAt(info, 1);
  const int64_t offset = IntegerAt(info, 2), length = IntegerAt(info, 3);
  if (!bytes.Holds(offset, length)) return Fail(info, EINVAL);
  return Answer(info, read(IntAt(info, 0), bytes.data + offset, length));
}

}  // namespace

void ExportSocket(Napi::Object exports) {
  Export<Socket>(exports, "socket");
  Export<Bind>(exports, "bind");
  Export<Connect>(exports, "connect");
  Export<Listen>(exports, "listen");
  Export<Accept>(exports, "accept");
  Export<Shutdown>(exports, "shutdown");
  Export<Close>(exports, "close");
  Export<GetSockName>(exports, "getsockname");
  Export<SetOption>(exports, "setOption");
  Export<GetOption>(exports, "getOption");
  Export<AttachFilter>(exports, "attachFilter");
  Export<Send>(exports, "send");
  Export<SendTo>(exports, "sendTo");
  Export<Receive>(exports, "receive");
  Export<Read>(exports, "read");
}

}  // namespace flowkeeper
