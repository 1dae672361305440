/** A real FTP server (vsftpd) and a client whose steps a test decides, each in a namespace. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { findProgram, type Namespace } from "../../lab/netns.ts";
import { waitFor } from "../../lab/wait.ts";

const program = fileURLToPath(new URL("ftp-client.mjs", import.meta.url));
const REPLY_TIMEOUT_MS = 20_000;

export const FILE_NAME = "hello.txt";
export const FILE_TEXT = "through the backup";

export interface FtpServer {
  /** Removes the server's folder; the server ends with its namespace. */
  remove(): void;
}

/** Starts vsftpd; anonymous users may fetch `FILE_NAME`. */
export async function serveFtp(at: Namespace): Promise<FtpServer> {
  const folder = mkdtempSync(join(tmpdir(), "fkftp-"));
  // vsftpd enters it as an unprivileged user.
  chmodSync(folder, 0o755);
  for (const name of ["root", "empty"]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, "root", FILE_NAME), FILE_TEXT);
  const config = join(folder, "vsftpd.conf");
  writeFileSync(config, configText(folder));
  at.spawn([findProgram("vsftpd") ?? "vsftpd", config], { stdio: "ignore" });
  await waitFor(async () => (await at.runOk(["ss", "-ltn"])).includes(":21 "), {
    what: "vsftpd to listen",
  });
  return { remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function configText(folder: string): string {
  const lines = [
    "listen=YES",
    "background=NO",
    "anonymous_enable=YES",
    "no_anon_password=YES",
    "local_enable=NO",
    "connect_from_port_20=YES",
    "seccomp_sandbox=NO",
    "isolate=NO",
    "isolate_network=NO",
    // It changes to the home of its user first, and `nobody' has none.
    "ftp_username=daemon",
    "nopriv_user=nobody",
    `secure_chroot_dir=${folder}/empty`,
    `anon_root=${folder}/root`,
  ];
  return `${lines.join("\n")}\n`;
}

export interface FtpClient {
  /** Says a line and gives the server's reply; without a line, the next reply. */
  say(line?: string): Promise<string>;
  /** Opens a port for the server to connect to; in the form that PORT wants. */
  listen(): Promise<string>;
  /** Connects to where a PASV reply tells. */
  openPassive(reply: string): Promise<void>;
  /** What came through the data connection. */
  data(): Promise<string>;
}

/** Connects, from one of the namespace's addresses, and logs in. */
export async function connectFtp(at: Namespace, address: string, from: string): Promise<FtpClient> {
  const child = at.spawn([process.execPath, program, address, from], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error("the client has pipes");
  stdin.on("error", () => undefined);
  const lines = createInterface({ input: stdout });
  const ask = (command: string) =>
    new Promise<string>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no answer to \`${command}'`)),
        REPLY_TIMEOUT_MS,
      );
      lines.once("line", (line) => {
        clearTimeout(timer);
        resolve(line);
      });
      stdin.write(`${command}\n`);
    });
  const client: FtpClient = {
    say: (line) => ask(line === undefined ? "say" : `say ${line}`),
    listen: async () => {
      const [host = "", port = "0"] = (await ask("listen")).split(" ");
      return `${host.replaceAll(".", ",")},${Number(port) >> 8},${Number(port) & 0xff}`;
    },
    openPassive: async (reply) => {
      const numbers = /\((\d+),(\d+),(\d+),(\d+),(\d+),(\d+)\)/.exec(reply)?.slice(1) ?? [];
      const [high = 0, low = 0] = numbers.slice(4).map(Number);
      await ask(`open ${numbers.slice(0, 4).join(".")} ${high * 256 + low}`);
    },
    data: () => ask("data"),
  };
  await client.say();
  await client.say("USER anonymous");
  return client;
}
