/**
 * The far end of dedicated links, as a program: `node sink.mjs <address> <port>...`.
 *
 * Binds the ports and writes what comes in as lines `port hex`; a line `port hex address` on standard input is sent
 * from that port to the same port at the address. It never answers by itself.
 */
import dgram from "node:dgram";
import { createInterface } from "node:readline";

const [address, ...ports] = process.argv.slice(2);
const sockets = new Map();
let waiting = ports.length;

for (const port of ports) {
  const socket = dgram.createSocket({ type: "udp4", recvBufferSize: 1 << 20 });
  socket.on("message", (bytes) => process.stdout.write(`${port} ${bytes.toString("hex")}\n`));
  socket.on("error", () => undefined); // A daemon that has ended answers with ICMP.
  socket.bind(Number(port), address, () => {
    waiting -= 1;
    if (waiting === 0) process.stdout.write("ready\n");
  });
  sockets.set(port, socket);
}

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const [port, hex, to] = line.split(" ");
    sockets.get(port)?.send(Buffer.from(hex, "hex"), Number(port), to);
  })
  .on("close", () => process.exit(0));
