/**
 * One conversation: `node conversation.mjs serve <port>...` echoes on TCP and UDP, IPv4 and IPv6;
 * `node conversation.mjs tcp|udp <address> <port> <local port> [line...]` says its lines, each after the echo of
 * the one before, then says `up`, and ends the conversation when its standard input ends.
 */
import dgram from "node:dgram";
import net from "node:net";

const [role = "", ...more] = process.argv.slice(2);

if (role === "serve") serve(more.map(Number));
else converse(more);

function serve(ports) {
  let waiting = ports.length * 3;
  const up = () => {
    waiting -= 1;
    if (waiting === 0) process.stdout.write("up\n");
  };
  for (const port of ports) {
    net.createServer((socket) => socket.on("error", () => undefined).pipe(socket)).listen(port, up);
    for (const type of ["udp4", "udp6"]) {
      const udp = dgram.createSocket({ type, ipv6Only: type === "udp6" });
      udp.on("message", (bytes, from) => udp.send(bytes, from.port, from.address));
      udp.bind(port, up);
    }
  }
}

function converse([address, port, localPort, ...lines]) {
  const texts = lines.length === 0 ? ["hello"] : lines;
  const fail = (error) => {
    process.stderr.write(`${role} ${address} ${port}: ${error.message}\n`);
    process.exit(1);
  };
  process.stdin.resume();
  if (role === "tcp") {
    const options = { host: address, port: Number(port), localPort: Number(localPort) };
    const socket = net.connect(options);
    const speak = () => {
      const text = texts.shift();
      if (text === undefined) process.stdout.write("up\n");
      else socket.write(`${text}\r\n`);
    };
    socket.on("connect", speak).on("data", speak).on("error", fail);
    socket.on("close", () => process.exit(0));
    process.stdin.on("end", () => socket.end());
  } else {
    const ipv6Only = address.includes(":");
    const socket = dgram.createSocket({ type: ipv6Only ? "udp6" : "udp4", ipv6Only });
    const speak = () => {
      const text = texts.shift();
      if (text === undefined) process.stdout.write("up\n");
      else socket.send(text, Number(port), address);
    };
    socket.on("message", speak).on("error", fail);
    socket.bind(Number(localPort), speak);
    process.stdin.on("end", () => process.exit(0));
  }
}
