// One system call each: sockets, their names, options and filters, and single messages.
//
// Descriptors made here close on exec and never block.

#include "native.h"

#include <linux/filter.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

using namespace flowkeeper;

namespace {

ssize_t Socket(int domain, int type, int protocol) {
  return socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
}

ssize_t Bind(int fd, Bytes address) { return bind(fd, address.Address(), address.size); }

ssize_t Connect(int fd, Bytes address) { return connect(fd, address.Address(), address.size); }

ssize_t Accept(int fd) { return accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); }

ssize_t GetSockName(int fd, Bytes out) {
  socklen_t length = out.size;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(out.data), &length) < 0) return -1;
  // The kernel tells the true length; what was written is never more than the room there was.
  return std::min<size_t>(length, out.size);
}

ssize_t SetOption(int fd, int level, int name, Bytes value) {
  return setsockopt(fd, level, name, value.data, value.size);
}

ssize_t GetOption(int fd, int level, int name, Bytes out) {
  socklen_t length = out.size;
  if (getsockopt(fd, level, name, out.data, &length) < 0) return -1;
  return std::min<size_t>(length, out.size);
}

ssize_t AttachFilter(int fd, Bytes program) {
  const size_t count = program.size / sizeof(sock_filter);
  if (program.size % sizeof(sock_filter) != 0 || count > USHRT_MAX) return Fail(EINVAL);
  sock_fprog filter{static_cast<uint16_t>(count), reinterpret_cast<sock_filter*>(program.data)};
  const int name = count == 0 ? SO_DETACH_FILTER : SO_ATTACH_FILTER;
  return setsockopt(fd, SOL_SOCKET, name, &filter, sizeof(filter));
}

ssize_t Send(int fd, Bytes bytes, int64_t offset, int64_t length) {
  if (!Holds(bytes.size, offset, length)) return Fail(EINVAL);
  return send(fd, bytes.data + offset, length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

ssize_t SendTo(int fd, Bytes bytes, Bytes address) {
  return sendto(fd, bytes.data, bytes.size, MSG_DONTWAIT | MSG_NOSIGNAL, address.Address(),
                address.size);
}

ssize_t Receive(int fd, Bytes bytes, int64_t offset, int64_t length) {
  if (!Holds(bytes.size, offset, length)) return Fail(EINVAL);
  return recv(fd, bytes.data + offset, length, MSG_DONTWAIT);
}

ssize_t Read(int fd, Bytes bytes, int64_t offset, int64_t length) {
  if (!Holds(bytes.size, offset, length)) return Fail(EINVAL);
  return read(fd, bytes.data + offset, length);
}

}  // namespace

void flowkeeper::ExportSocket(Napi::Object exports) {
  Export<Socket>(exports, "socket");
  Export<Bind>(exports, "bind");
  Export<Connect>(exports, "connect");
  Export<listen>(exports, "listen");
  Export<Accept>(exports, "accept");
  Export<shutdown>(exports, "shutdown");
  Export<close>(exports, "close");
  Export<GetSockName>(exports, "getsockname");
  Export<SetOption>(exports, "setOption");
  Export<GetOption>(exports, "getOption");
  Export<AttachFilter>(exports, "attachFilter");
  Export<Send>(exports, "send");
  Export<SendTo>(exports, "sendTo");
  Export<Receive>(exports, "receive");
  Export<Read>(exports, "read");
}
