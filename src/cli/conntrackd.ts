/**
 * The program `conntrackd`: reads its command line and becomes a daemon, a launcher, or a client.
 *
 * A client loads no more than it needs to find the socket and to speak through it; the daemon's parts are
 * loaded by the daemon alone. Described in: doc/conntrackd.md.
 */
import { writeOut, writeOutText } from "../runtime/standard-output.ts";
import { type CommandLine, parseCommandLine } from "./conntrackd-options.ts";
import { usageText, versionText } from "./conntrackd-usage.ts";

declare const FLOWKEEPER_VERSION: string;

/** Set by the launcher for the process it starts: the descriptor that is told of readiness. */
const READY_FD_VARIABLE = "FLOWKEEPER_READY_FD";

type DaemonLine = Extract<CommandLine, { kind: "daemon" }>;
type RequestLine = Extract<CommandLine, { kind: "request" }>;

async function main(): Promise<number | undefined> {
  const line = parseCommandLine(process.argv.slice(2));
  switch (line.kind) {
    case "version":
      writeOutText(versionText(FLOWKEEPER_VERSION, line.isLong));
      return 0;
    case "help":
      writeOutText(usageText("conntrackd"));
      return 0;
    case "error":
      if (line.usage) writeOutText(usageText("conntrackd"));
      (await voice()).error(line.message);
      return 1;
    case "request":
      return request(line);
    case "daemon":
      return line.background && process.env[READY_FD_VARIABLE] === undefined
        ? launch()
        : serve(line);
  }
}

/** Lines for standard error, with the prefix of the log; hints go to people only. */
async function voice() {
  const { linePrefix } = await import("../runtime/log.ts");
  const say = (level: "warning" | "error", text: string) =>
    void process.stderr.write(`${linePrefix(new Date(), process.pid, level)}${text}\n`);
  return {
    warning: (text: string) => say("warning", text),
    error: (text: string) => say("error", text),
    hint: (text: string) => void process.stderr.write(`${text}\n`),
  };
}

async function request(line: RequestLine): Promise<number> {
  const [{ findSocketPath }, { requestDaemon }, speak] = await Promise.all([
    import("../runtime/socket-path.ts"),
    import("../runtime/control-client.ts"),
    voice(),
  ]);
  for (const text of line.warnings) speak.warning(text);
  const path = await findSocketPath(line.configFile, speak);
  if (path === undefined) return 1;
  const { exitCode, message } = await requestDaemon(path, line.code, (bytes) => writeOut(bytes));
  if (message !== undefined) speak.error(message);
  return exitCode;
}

/** `-d`: start the daemon in a session of its own and leave when it is ready, or has failed. */
async function launch(): Promise<number> {
  const { launchDaemon } = await import("../runtime/launcher.ts");
  return launchDaemon(process.argv.slice(1), READY_FD_VARIABLE);
}

async function serve({
  configFile,
  background,
  warnings,
}: DaemonLine): Promise<number | undefined> {
  process.title = "conntrackd";
  process.umask(0o177);
  const [{ serve: run }, speak] = await Promise.all([import("./conntrackd-daemon.ts"), voice()]);
  for (const text of warnings) speak.warning(text);
  const readyVariable = background ? READY_FD_VARIABLE : undefined;
  return run({ configFile, readyVariable, speak });
}

void main().then((status) => {
  if (status !== undefined) process.exitCode = status;
});
