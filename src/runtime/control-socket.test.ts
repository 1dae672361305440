import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CANNOT_CONNECT, requestDaemon } from "./control-client.ts";
import { CONTROL_LIMITS, type ControlHandler, ControlServer } from "./control-socket.ts";

const CHUNK = "x".repeat(8191);
const PIECES = 200;
const piece = (number: number) => `${number} ${CHUNK}\n`;
const WHOLE = Array.from({ length: PIECES }, (_, i) => piece(i)).join("");
let directory: string;
let path: string;
let server: ControlServer | undefined;
const sockets: Socket[] = [];
/** Chunks pulled by endless streams. */
let pulled = 0;

const handler: ControlHandler = (code, reply) => {
  if (code === 16) {
    let said = 0;
    reply.stream((out) => {
      pulled += 1;
      out.text(piece(said));
      said += 1;
      return said < PIECES;
    });
  } else if (code === 17) {
    reply.stream((out) => {
      pulled += 1;
      out.text(CHUNK);
      return true;
    });
  } else if (code === 20) {
    setTimeout(() => reply.end(), 30);
  } else {
    if (code === 21) reply.write("hello\n");
    reply.end();
  }
};

function open(limits = {}): ControlServer {
  server = new ControlServer(path, handler, { ...CONTROL_LIMITS, ...limits });
  return server;
}

async function ask(code: number): Promise<{ exitCode: number; text: string }> {
  const pieces: Uint8Array[] = [];
  const { exitCode } = await requestDaemon(path, code, (bytes) => pieces.push(bytes.slice()));
  return { exitCode, text: Buffer.concat(pieces).toString() };
}

function raw(bytes: number[]): Socket {
  const socket = connect({ path, allowHalfOpen: true });
  sockets.push(socket);
  socket.on("error", () => undefined);
  if (bytes.length > 0) socket.write(Uint8Array.from(bytes));
  return socket;
}

const closed = (socket: Socket) =>
  new Promise((resolve) =>
    socket
      .resume()
      .once("close", resolve)
      .once("end", () => socket.end()),
  );
const until = (holds: () => boolean) =>
  expect.poll(holds, { timeout: 5000, interval: 5 }).toBe(true);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "control-"));
  path = join(directory, "ctl");
  pulled = 0;
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.destroy();
  server = undefined;
  rmSync(directory, { recursive: true });
});

describe("control socket", () => {
  it("is the owner's alone, and answers", async () => {
    open();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await ask(21)).toEqual({ exitCode: 0, text: "hello\n" });
    expect(await ask(99)).toEqual({ exitCode: 0, text: "" });
    expect(await ask(20)).toEqual({ exitCode: 0, text: "" });
  });
  it("serves ten clients at once", async () => {
    open();
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(16)));
    for (const { text } of answers) expect(text).toBe(WHOLE);
  });
  it("tells the same to a client that reads late", async () => {
    open();
    pulled = 0;
    const late = raw([16, 0, 0, 0]).pause();
    await until(() => pulled > 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(pulled).toBeLessThan(PIECES);
    let text = "";
    late.setEncoding("latin1").on("data", (more: string) => {
      text += more;
    });
    await closed(late.resume());
    expect(text).toBe(WHOLE);
  });
  it("is not held up by a client that never reads, and drops it in the end", async () => {
    open({ idleMilliseconds: 200 });
    const slow = raw([17, 0, 0, 0]).pause();
    await until(() => pulled > 0);
    expect((await ask(21)).text).toBe("hello\n");
    await new Promise((resolve) => setTimeout(resolve, 50));
    const before = pulled;
    expect(before).toBeLessThan(200); // The kernel's buffer and ours, no more.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(pulled).toBe(before);
    await closed(slow);
  });
  it("stops a stream whose client vanishes", async () => {
    open();
    const client = raw([17, 0, 0, 0]);
    client.once("data", () => client.destroy());
    await until(() => client.destroyed);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const before = pulled;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(pulled).toBe(before);
    expect((await ask(21)).text).toBe("hello\n");
  });
  it("counts clients that send nothing, and forgets broken requests", async () => {
    const { counters } = open({ requestMilliseconds: 100 });
    await closed(raw([]));
    expect(counters.localReadFailed).toBe(1);
    const ended = raw([]);
    ended.end();
    await closed(ended);
    expect(counters.localReadFailed).toBe(2);
    const short = raw([20]);
    short.end();
    await closed(short);
    expect(counters.localReadFailed).toBe(2);
  });
  it("takes a request in pieces, and ignores what follows it", async () => {
    open();
    const client = raw([21, 0]);
    setTimeout(() => client.end(Uint8Array.from([0, 0, 9, 9, 9])), 20);
    const text = await new Promise((resolve) =>
      client.once("data", (bytes) => resolve(bytes.toString())),
    );
    expect(text).toBe("hello\n");
  });
  it("refuses clients past the limit", async () => {
    const { counters } = open({ clients: 1 });
    raw([]);
    await closed(raw([]));
    expect(counters.refusedClients).toBe(1);
  });
  it("replaces a dead socket, never a living one nor a file", async () => {
    open();
    const second = () => new ControlServer(path, handler);
    const failure = (detail: string) =>
      expect.objectContaining({ message: "can't open unix socket!", detail });
    expect(second).toThrow(failure(`another process listens at ${path}`));
    expect((await ask(21)).text).toBe("hello\n");
    server?.destroy();
    expect(await ask(21)).toEqual({ exitCode: 1, text: "" });
    writeFileSync(path, "mine");
    expect(second).toThrow(failure(`${path} exists and is not a socket`));
    const nowhere = join(directory, "no", "ctl");
    expect(() => new ControlServer(nowhere, handler)).toThrow(
      failure(`bind ${nowhere}: No such file or directory`),
    );
    const long = join(directory, "n".repeat(108));
    expect(() => new ControlServer(long, handler)).toThrow(
      failure(`${long} is too long for a socket`),
    );
  });
  it("tells a client that nobody listens", async () => {
    const never = () => expect.unreachable();
    expect(await requestDaemon(path, 21, never)).toEqual({ exitCode: 1, message: CANNOT_CONNECT });
  });
});
