import { mkdtempSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LineFile } from "./line-file.ts";

let directory: string;
let path: string;
let told: string[];
/** Bytes the disk still has room for. */
let room: number;

function open(): LineFile {
  return new LineFile(path, {
    errnoText: (errno) => (errno === -28 ? "No space left on device" : `errno ${errno}`),
    watcher: {
      failed: (reason) => told.push(reason),
      recovered: (lost) => told.push(`${lost} lost`),
    },
    write(fd, bytes, at) {
      if (room === 0) throw Object.assign(new Error("full"), { errno: -28 });
      const length = Math.min(room, bytes.length - at);
      room -= length;
      return writeSync(fd, bytes, at, length);
    },
  });
}

const content = (file = path) => readFileSync(file, "utf8");

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "line-file-"));
  path = join(directory, "flows");
  told = [];
  room = Number.MAX_SAFE_INTEGER;
});
afterEach(() => rmSync(directory, { recursive: true }));

describe("a file of lines", () => {
  it("writes once a turn what has gathered", async () => {
    const file = open();
    for (let i = 0; i < 10; i++) file.append(`line ${i}\n`);
    expect(content()).toBe("");
    await new Promise((resolve) => setImmediate(resolve));
    expect(content().split("\n").length).toBe(11);
    file.close();
  });

  it("gathers 64 KiB at the most", () => {
    const file = open();
    const line = `${"x".repeat(1023)}\n`;
    for (let i = 0; i < 64; i++) file.append(line);
    expect(content().length).toBe(65_536);
    file.close();
  });

  it("loses no line when it is rotated: the old file ends where the new one begins", () => {
    const file = open();
    for (let i = 0; i < 100; i++) {
      file.append(`${i}\n`);
      if (i % 10 !== 9) continue;
      renameSync(path, `${path}.${i}`);
      file.append(`${i}, after the file was moved\n`);
      file.reopen();
    }
    file.close();
    const all = Array.from({ length: 10 }, (_, i) => content(`${path}.${i * 10 + 9}`)).join("");
    expect(all.split("\n").length - 1).toBe(110);
    expect(content()).toBe("");
  });

  it("tells once of a full disk, goes on, and tells what is missing when there is room", () => {
    const file = open();
    file.append("first\n");
    file.flush();
    room = 8;
    for (const text of ["second\nthird\n", "fourth\n", "fifth\n"]) {
      file.append(text);
      file.flush();
    }
    expect(told).toEqual(["No space left on device"]);
    room = 1000;
    file.append("sixth\n");
    file.flush();
    expect(told).toEqual(["No space left on device", "3 lost"]);
    // The line that was cut does not run into the next one.
    expect(content()).toBe("first\nsecond\nt\nsixth\n");
    room = 0;
    file.append("seventh\n");
    file.close();
    expect(told.length).toBe(3);
  });

  it("is a full disk that the kernel reports, too", () => {
    path = "/dev/full";
    const file = new LineFile(path, {
      errnoText: (errno) => `errno ${errno}`,
      watcher: { failed: (reason) => told.push(reason), recovered: () => told.push("recovered") },
    });
    file.append("a\n");
    file.flush();
    file.append("b\n");
    file.close();
    expect(told).toEqual(["errno -28"]);
  });
});
