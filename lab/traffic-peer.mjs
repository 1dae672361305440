/**
 * The two ends of the lab's traffic: `node traffic-peer.mjs server|client '<settings as JSON>'`.
 *
 * The client keeps connections open and exchanges numbered requests and responses over each; the server answers with
 * the number and the source port it sees, so that the client learns how it was translated. Orders and reports are JSON
 * lines on standard input and output. Plain JavaScript, because Node runs it as it stands.
 */
import dgram from "node:dgram";
import net from "node:net";
import { createInterface } from "node:readline";

const [role = "", text = "{}"] = process.argv.slice(2);
const settings = JSON.parse(text);
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const datagramKind = settings.address?.includes(":") ? "udp6" : "udp4";

if (role === "server") serve();
else if (role === "client") exchange();
else throw new Error("the role is `server' or `client'");

function serve() {
  const tcp = net.createServer((socket) => {
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    // The line reader repeats the socket's errors, and one reset must not end the server.
    createInterface({ input: socket })
      .on("line", (line) => socket.write(`${line} ${socket.remotePort}\n`))
      .on("error", () => undefined);
  });
  const udp = dgram.createSocket(datagramKind);
  udp.on("message", (bytes, from) => udp.send(`${bytes} ${from.port}`, from.port, from.address));
  udp.bind(settings.port, settings.address, () => {
    const listen = { port: settings.port, host: settings.address, backlog: 4096 };
    tcp.listen(listen, () => say({ event: "listening" }));
  });
}

function exchange() {
  const flows = [];
  for (let id = 0; id < settings.tcp; id += 1) flows.push(openTcp(id));
  for (let id = 0; id < settings.udp; id += 1) flows.push(openUdp(id));
  flows.forEach((flow, place) => {
    // Spread over the interval, so that the load is even.
    setTimeout(
      () => setInterval(() => request(flow), settings.intervalMs),
      (place / flows.length) * settings.intervalMs,
    );
  });
  const orders = {
    report: () => say({ event: "report", flows: flows.map(summary) }),
    forget: () => {
      for (const flow of flows) flow.longestGapMs = 0;
      say({ event: "forgotten" });
    },
  };
  createInterface({ input: process.stdin })
    .on("line", (line) => orders[line]?.())
    .on("close", () => process.exit(0));
}

function newFlow(protocol, id) {
  return {
    protocol,
    id,
    sequence: 0,
    isWaiting: false,
    responses: 0,
    bytes: 0,
    longestGapMs: 0,
    lastAt: undefined,
    firstPort: undefined,
    port: undefined,
    reason: undefined,
    send: undefined,
  };
}

function openTcp(id) {
  const flow = newFlow("tcp", id);
  const socket = net.connect({ port: settings.port, host: settings.address });
  socket.setNoDelay(true);
  socket.on("connect", () => {
    flow.send = (line) => socket.write(`${line}\n`);
  });
  socket.on("error", (error) => {
    flow.reason ??= error.code ?? error.message;
  });
  socket.on("close", () => {
    flow.reason ??= "closed";
  });
  createInterface({ input: socket })
    .on("line", (line) => response(flow, line))
    .on("error", () => undefined);
  return flow;
}

function openUdp(id) {
  const flow = newFlow("udp", id);
  const socket = dgram.createSocket(datagramKind);
  socket.on("message", (bytes) => response(flow, bytes.toString()));
  socket.on("error", () => undefined); // A lost datagram is not a broken flow.
  socket.connect(settings.port, settings.address, () => {
    flow.send = (line) => socket.send(line, () => undefined);
  });
  return flow;
}

function request(flow) {
  if (flow.reason !== undefined) return;
  // TCP delivers in the end or breaks; over UDP the next request goes out whatever became of the last one.
  if (flow.protocol === "tcp" && flow.isWaiting) return;
  if (flow.send === undefined) return; // Not connected yet.
  flow.sequence += 1;
  flow.isWaiting = true;
  flow.send(String(flow.sequence));
}

function response(flow, line) {
  const [sequence, port] = line.split(" ").map(Number);
  const isExpected =
    flow.protocol === "tcp" ? sequence === flow.sequence : sequence <= flow.sequence;
  if (!isExpected) flow.reason ??= `response ${sequence} to request ${flow.sequence}`;
  const now = performance.now();
  if (flow.lastAt !== undefined) {
    flow.longestGapMs = Math.max(flow.longestGapMs, now - flow.lastAt);
  }
  flow.lastAt = now;
  flow.isWaiting = false;
  flow.responses += 1;
  flow.bytes += line.length + 1;
  flow.firstPort ??= port;
  flow.port = port;
}

function summary(flow) {
  const { protocol, id, responses, bytes, longestGapMs, firstPort, port, reason } = flow;
  const isAlive = reason === undefined;
  return { protocol, id, isAlive, responses, bytes, longestGapMs, firstPort, port, reason };
}
