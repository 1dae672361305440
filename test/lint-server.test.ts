/**
 * The language server over its real protocol: a session, message by message, with the program as a
 * process of its own. And the grammar for editors, which is made of the keyword rows.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createMessageConnection,
  type MessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from "vscode-jsonrpc/node";
import type { Diagnostic } from "vscode-languageserver";
import { textMateGrammar } from "../src/config/lint/index.ts";

const root = join(import.meta.dirname, "..");
const scratch = mkdtempSync(join(tmpdir(), "lint-server-"));
const uri = "file:///etc/conntrackd/conntrackd.conf";
const text = [
  "# Überwacht beide Knoten.",
  "Sync {",
  "    Mode NACK {",
  "        CommitTimeout 180",
  "    }",
  "}",
  "",
].join("\n");

const program = join(scratch, "conntrackd-lint.mjs");
let server: ChildProcess;
let client: MessageConnection;
let published: ((params: { diagnostics: Diagnostic[]; version?: number }) => void) | undefined;

/** The next diagnostics that the server sends. */
function diagnostics(): Promise<Diagnostic[]> {
  return new Promise((resolve) => {
    published = (params) => resolve(params.diagnostics);
  });
}

beforeAll(async () => {
  symlinkSync(join(root, "node_modules"), join(scratch, "node_modules"));
  await build({
    ...{ entryPoints: [join(root, "src/cli/conntrackd-lint.ts")], outfile: program, bundle: true },
    ...{ format: "esm", platform: "node", packages: "external", logLevel: "error" },
    define: { FLOWKEEPER_VERSION: '"0.0.0"' },
  });
  server = spawn(process.execPath, [program, "--lsp", "--stdio"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  client = createMessageConnection(
    new StreamMessageReader(server.stdout!),
    new StreamMessageWriter(server.stdin!),
  );
  client.onNotification("textDocument/publishDiagnostics", (params) => published?.(params));
  client.listen();
}, 60_000);

afterAll(() => {
  client?.dispose();
  server?.kill();
  rmSync(scratch, { recursive: true });
});

const at = (line: number, character: number) => ({
  textDocument: { uri },
  position: { line, character },
});

describe("a session", { timeout: 30_000 }, () => {
  it("begins with what the server can do", async () => {
    const { capabilities, serverInfo } = await client.sendRequest<{
      capabilities: Record<string, unknown>;
      serverInfo: unknown;
    }>("initialize", { processId: process.pid, rootUri: null, capabilities: {} });
    expect(serverInfo).toEqual({ name: "conntrackd-lint" });
    expect(Object.keys(capabilities).sort()).toEqual([
      "codeActionProvider",
      "completionProvider",
      "hoverProvider",
      "textDocumentSync",
    ]);
    await client.sendNotification("initialized", {});
  });

  it("tells what is wrong with a file that is opened", async () => {
    const next = diagnostics();
    const document = { uri, languageId: "conntrackd", version: 1, text };
    await client.sendNotification("textDocument/didOpen", { textDocument: document });
    const found = (await next).map(({ code, severity, range: { start, end } }) => [
      `${start.line}:${start.character}-${end.line}:${end.character}`,
      ...[severity, code],
    ]);
    expect(found).toEqual(
      expect.arrayContaining([
        ["1:0-1:4", 1, "no-link"],
        ["2:9-2:13", 2, "renamed-mode"],
        ["3:8-3:25", 2, "commit-timeout-short"],
      ]),
    );
  });

  it("tells what a word means, with its default", async () => {
    const { contents, range } = await client.sendRequest<{
      contents: { value: string };
      range: unknown;
    }>("textDocument/hover", at(3, 12));
    expect(contents.value).toContain("**CommitTimeout** number");
    expect(contents.value).toContain("Default: `0` seconds");
    expect(range).toEqual({ start: { line: 3, character: 8 }, end: { line: 3, character: 21 } });
    expect(await client.sendRequest("textDocument/hover", at(4, 5))).toBeNull();
  });

  it("offers the words of the section that the cursor is in", async () => {
    const labels = async (line: number, character: number) => {
      const items = await client.sendRequest<{ label: string }[]>(
        "textDocument/completion",
        at(line, character),
      );
      return items.map(({ label }) => label);
    };
    const inMode = await labels(3, 10);
    expect(inMode).toEqual(expect.arrayContaining(["ResendQueueSize", "ACKWindowSize"]));
    expect(inMode).not.toContain("HashSize");
    expect(await labels(5, 0)).toEqual(expect.arrayContaining(["Mode", "UDP", "Options"]));
    expect(await labels(6, 0)).toEqual(["General", "Sync", "Stats", "Helper"]);
    expect(await labels(0, 5)).toEqual([]);
  });

  it("offers rewrites, the safe one first choice", async () => {
    const range = { start: { line: 2, character: 9 }, end: { line: 3, character: 10 } };
    const params = { textDocument: { uri }, range, context: { diagnostics: [] } };
    const actions = await client.sendRequest<
      { title: string; isPreferred: boolean; edit: { changes: Record<string, unknown> } }[]
    >("textDocument/codeAction", params);
    expect(actions.map(({ title, isPreferred }) => [title, isPreferred])).toEqual([
      ["write it as today", true],
      ["remove CommitTimeout", false],
    ]);
    const [rename] = actions;
    expect(rename?.edit.changes[uri]).toEqual([
      {
        range: { start: { line: 2, character: 9 }, end: { line: 2, character: 13 } },
        newText: "FTFW",
      },
    ]);
  });

  it("looks again when the text changes, once after several changes", async () => {
    const next = diagnostics();
    const change = (version: number, line: number, from: number, to: number, newText: string) =>
      client.sendNotification("textDocument/didChange", {
        textDocument: { uri, version },
        contentChanges: [
          {
            range: { start: { line, character: from }, end: { line, character: to } },
            text: newText,
          },
        ],
      });
    await change(2, 2, 9, 13, "FT");
    await change(3, 2, 11, 11, "FW");
    const codes = (await next).map(({ code }) => code);
    expect(codes).not.toContain("renamed-mode");
    expect(codes).not.toContain("syntax");
    expect(codes).toContain("commit-timeout-short");
  });

  it("survives a text that is no configuration", async () => {
    const next = diagnostics();
    const hostile = `${"{".repeat(10_000)}\0\u{1f525}}`;
    await client.sendNotification("textDocument/didChange", {
      textDocument: { uri, version: 4 },
      contentChanges: [{ text: hostile }],
    });
    expect((await next).map(({ severity }) => severity)).toContain(1);
    await client.sendRequest("textDocument/completion", at(0, 9_000));
  });

  it("survives messages that make no sense", async () => {
    const frame = (body: string) => `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    for (const body of ["{nonsense", "[1,2", "42", "null"]) server.stdin?.write(frame(body));
    const nowhere = { line: 9e9, character: -4 };
    const wrong: [string, unknown][] = [
      ["textDocument/didOpen", {}],
      ["textDocument/didOpen", { textDocument: { uri: 5, version: "x", text: 7 } }],
      ["textDocument/didChange", { textDocument: { uri: "file:///none" }, contentChanges: [] }],
      [
        "textDocument/didChange",
        {
          textDocument: { uri, version: 5 },
          contentChanges: [{ range: { start: nowhere, end: nowhere }, text: "x" }],
        },
      ],
    ];
    for (const [method, params] of wrong) await client.sendNotification(method, params);
    for (const params of [null, {}, { textDocument: { uri }, position: nowhere }])
      await client.sendRequest("textDocument/completion", params).catch(() => undefined);
    const other = { uri: "untitled:Untitled-1", languageId: "conntrackd", version: 1, text };
    await client.sendNotification("textDocument/didOpen", { textDocument: other });
    const place = { textDocument: { uri: other.uri }, position: { line: 3, character: 12 } };
    expect(await client.sendRequest("textDocument/hover", place)).not.toBeNull();
    await client.sendNotification("textDocument/didClose", { textDocument: other });
  });

  it("takes its words back when the file is closed, and ends when told to", async () => {
    const next = diagnostics();
    await client.sendNotification("textDocument/didClose", { textDocument: { uri } });
    expect(await next).toEqual([]);
    await client.sendRequest("shutdown");
    const ended = new Promise((resolve) => server.once("exit", resolve));
    await client.sendNotification("exit");
    expect(await ended).toBe(0);
  });
});

/** What becomes of a server that is sent these bytes and nothing else; its input stays open. */
async function sent(...parts: readonly string[]) {
  const other = spawn(process.execPath, [program, "--lsp"], { stdio: "pipe" });
  let [out, err] = ["", ""];
  other.stdout.on("data", (data) => void (out += data));
  other.stderr.on("data", (data) => void (err += data));
  const ended = new Promise<number | null>((resolve) => other.once("close", resolve));
  other.stdin.on("error", () => {}); // It may be gone already.
  for (const part of parts) other.stdin.write(part, "latin1");
  return { status: await ended, out, err };
}

const request = (message: object) => {
  const body = JSON.stringify({ jsonrpc: "2.0", ...message });
  return `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
};
const hello = request({ id: 1, method: "initialize", params: { capabilities: {} } });
const goodbye = request({ id: 2, method: "shutdown" }) + request({ method: "exit" });

describe("bytes that are no messages", { timeout: 30_000 }, () => {
  it.each([
    ["a length that is no number", "Content-Length: x\r\n\r\n{}"],
    ["a negative length", "Content-Length: -5\r\n\r\n{}"],
    ["another header alone", "Content-Type: text/plain\r\n\r\n{}"],
    ["an empty header", "\r\n\r\n"],
    ["a length beyond all measure", "Content-Length: 999999999\r\n\r\n{}"],
    ["a line that somebody types", "hello\n"],
    ["a line without an end", "a".repeat(5000)],
    ["headers without an end", "X-Header: a\r\n".repeat(1000)],
  ])("end the server with one sentence: %s", async (_name, bytes) => {
    const { status, out, err } = await sent(bytes);
    expect(err).toMatch(/^conntrackd-lint: the editor has sent .+\n$/);
    expect({ status, out }).toEqual({ status: 1, out: "" });
  });
  it("end a session that went well before", async () => {
    const { status, out, err } = await sent(hello, "Content-Length: x\r\n\r\n", hello);
    expect(status).toBe(1);
    expect(err.split("\n")).toHaveLength(2);
    expect(out.split("Content-Length").length).toBeLessThanOrEqual(2);
  });
  it("are told from messages that come in pieces, or have a header more; 0 is for who says goodbye", async () => {
    const typed = "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n";
    const pieces = (typed + hello + goodbye).match(/[\s\S]{1,7}/g) ?? [];
    const { status, out, err } = await sent(...pieces);
    expect({ status, err }).toEqual({ status: 0, err: "" });
    expect(out).toContain('"id":1');
  });
});

describe("the grammar for editors", () => {
  const file = join(root, "editor/conntrackd.tmLanguage.json");
  it("is made of the keyword rows", () => {
    if (process.env["UPDATE"])
      writeFileSync(file, `${JSON.stringify(textMateGrammar(), null, 2)}\n`);
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(textMateGrammar());
  });
});
