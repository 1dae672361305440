/**
 * `conntrack top` in a terminal of its own, on the real kernel: it draws, hears keys, follows the terminal's size, and
 * gives the terminal back. `--color` is seen there, too.
 */
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { projectRoot } from "../../lab/conntrackd.ts";
import { Lab, type Namespace } from "../../lab/netns.ts";
import { waitFor } from "../../lab/wait.ts";
import { describeOnKernel } from "../support/requirements.ts";

const OURS = join(projectRoot, "bin/conntrack");
const FLOWS = [
  "-I -p udp -t 3000 -s 10.0.0.1 -d 192.0.2.1 --sport 4000 --dport 53",
  "-I -p tcp -t 3000 -s 10.0.0.2 -d 192.0.2.1 --sport 5000 --dport 443 --state ESTABLISHED",
];

/** What is inverse and 60 columns wide: the title. */
const isSixtyWide = (text: string) => text.indexOf("\x1b[27m") === 60;

describeOnKernel(
  "conntrack at a terminal",
  [],
  () => {
    let lab: Lab;
    let box: Namespace;
    beforeAll(async () => {
      lab = Lab.create();
      box = await lab.namespace("box");
      await box.sysctl({ "net/netfilter/nf_conntrack_acct": 0 });
      const loaded = await box.run([OURS, "-R", "-"], { input: `${FLOWS.join("\n")}\n` });
      expect(loaded.stderr).toBe("");
    });
    afterAll(() => lab.destroy());

    /** A shell command in a terminal of 24 lines of 100 columns. */
    const atTerminal = (command: string) => {
      const line = `stty rows 24 cols 100; ${command}`;
      const child = box.spawn(
        ["env", "-u", "CI", "TERM=xterm", "script", "-qec", line, "/dev/null"],
        {
          stdio: ["pipe", "pipe", "pipe"],
        },
      );
      let out = "";
      child.stdout!.on("data", (bytes: Buffer) => {
        out += bytes.toString();
      });
      return {
        closed: once(child, "close"),
        said: () => out,
        press: (keys: string) => child.stdin!.write(keys),
        sees: (pattern: RegExp) =>
          waitFor(() => pattern.test(stripVTControlCharacters(out)), { what: `${pattern}` }),
      };
    };

    it("draws, hears keys, follows the size, and gives the terminal back", async () => {
      const flag = join(lab.dir, "small");
      const shrink = `(while [ ! -e ${flag} ]; do sleep 0.05; done; stty cols 60 </dev/tty)`;
      const screen = atTerminal(
        `${shrink} & ${OURS} top -i 0.2; echo status=$?; stty -a | grep -ow 'icanon\\|echo'`,
      );
      await screen.sees(/conntrack top {3}2 flows/);
      await screen.sees(/10\.0\.0\.2:5000 → 192\.0\.2\.1:443/);
      await screen.sees(/sysctl -w net\.netfilter\.nf_conntrack_acct=1/);
      screen.press("\t");
      await screen.sees(/DESTINATION|SOURCE/);
      screen.press("/UDP");
      await screen.sees(/filter: UDP/);
      await screen.sees(/ 1 match/);
      writeFileSync(flag, "");
      await waitFor(() => screen.said().split("\x1b[7m").some(isSixtyWide), {
        what: "a screen of 60 columns",
      });
      screen.press("\x03");
      await screen.closed;
      expect(screen.said()).toContain("\x1b[?1049h");
      const after = screen.said().slice(screen.said().lastIndexOf("\x1b[?1049l"));
      expect(stripVTControlCharacters(after).split(/\s+/).filter(Boolean)).toEqual([
        "status=0",
        "icanon",
        "echo",
      ]);
    });

    it("gives the terminal back when it is told to end", async () => {
      const pid = join(lab.dir, "pid");
      const screen = atTerminal(`sh -c 'echo $$ >${pid}; exec ${OURS} top'; echo status=$?`);
      await screen.sees(/2 flows/);
      process.kill(Number(readFileSync(pid, "utf8")), "SIGTERM");
      await screen.closed;
      expect(screen.said()).toMatch(/\[\?1049l[\s\S]*status=143\r\n$/);
    });

    it("says why it cannot", async () => {
      const piped = await box.run([OURS, "top"]);
      expect([piped.status, piped.stdout]).toEqual([1, ""]);
      expect(piped.stderr).toMatch(/^conntrack top: needs a terminal .*\n$/);
      const refused = atTerminal(`setpriv --bounding-set=-net_admin --inh-caps=-all ${OURS} top`);
      const [status] = await refused.closed;
      expect(status).toBe(1);
      expect(refused.said()).toContain("Operation failed: sorry, you must be root");
      const wrong = await box.run([OURS, "top", "-i", "0"]);
      expect([wrong.status, wrong.stderr]).toEqual([1, expect.stringContaining("0.1 to 3600")]);
    });

    it("paints lines at a terminal, and nowhere else", async () => {
      const plain = (await box.run([OURS, "-L", "-p", "tcp"])).stdout.replace(/ \d+ EST/, " # EST");
      const shown = async (command: string) => {
        const screen = atTerminal(`${command} 2>/dev/null`);
        await screen.closed;
        return screen
          .said()
          .replaceAll("\r\n", "\n")
          .replace(/ \d+ (\S*)EST/, " # $1EST");
      };
      const painted = await shown(`${OURS} -L -p tcp --color`);
      expect(painted).toContain("\x1b[32mESTABLISHED\x1b[0m");
      expect(stripVTControlCharacters(painted)).toBe(plain);
      expect(await shown(`${OURS} -L -p tcp`)).toBe(plain);
      expect(await shown(`NO_COLOR=1 ${OURS} -L -p tcp --color`)).toBe(plain);
      const piped = await box.run([OURS, "-L", "-p", "tcp", "--color"]);
      expect(piped.stdout.replace(/ \d+ EST/, " # EST")).toBe(plain);
    });
  },
  ["bin/conntrack", "script"],
);
