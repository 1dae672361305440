/**
 * `conntrack -o json` on the real kernel: every command that prints it, held against the published schema.
 */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { projectRoot } from "../../lab/conntrackd.ts";
import { findProgram, Lab, type Namespace } from "../../lab/netns.ts";
import { waitFor } from "../../lab/wait.ts";
import { readJsonLines } from "../support/json-lines.ts";
import { describeOnKernel } from "../support/requirements.ts";

const OURS = join(projectRoot, "bin/conntrack");
const REFERENCE = findProgram("conntrack") ?? "";
const UDP = "-p udp -s 10.0.0.1 -d 192.0.2.1 --sport 4000 --dport 69";
const FLOWS = [
  `${UDP} -m 7 -w 3`,
  "-p tcp -s 10.0.0.1 -d 192.0.2.1 --sport 1 --dport 80 --state ESTABLISHED -u SEEN_REPLY,ASSURED -n 203.0.113.1:4000",
  "-p icmp -s 10.0.0.1 -d 192.0.2.1 --icmp-type 8 --icmp-code 0 --icmp-id 7",
  "-p icmpv6 -s 2001:db8::1 -d 2001:db8::2 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 7",
  "-p sctp -s 10.0.0.1 -d 192.0.2.1 --sport 1 --dport 2 --state ESTABLISHED --orig-vtag 1 --reply-vtag 2",
  "-p gre -s 10.0.0.1 -d 192.0.2.1 --srckey 1 --dstkey 2",
  "-p 50 -s 10.0.0.1 -d 192.0.2.1 --orig-zone 6",
].map((words) => `-I -t 3000 ${words}`);
const MASTER = "-p udp -s 127.0.0.1 -d 127.0.0.2 --sport 4000 --dport 69";
const EXPECTED =
  "--tuple-src 127.0.0.2 --tuple-dst 127.0.0.1 --tuple-port-src 0 --tuple-port-dst 5000";
const MASK =
  "--mask-src 255.255.255.255 --mask-dst 255.255.255.255 --mask-port-src 0 --mask-port-dst 65535";
const HELPER_RULES =
  'table inet t { ct helper tftp { type "tftp" protocol udp; }; ' +
  "chain out { type filter hook output priority 0; udp dport 69 ct helper set tftp; }; }";

describeOnKernel(
  "conntrack -o json",
  [],
  () => {
    let lab: Lab;
    let box: Namespace;
    const run = async (program: string, line: string, input = "") => {
      const words = line.split(" ").filter((word) => word !== "");
      return box.run([program, ...words], { input });
    };
    const json = async (line: string) => readJsonLines((await run(OURS, line)).stdout);

    beforeAll(async () => {
      lab = Lab.create();
      box = await lab.namespace("box");
      await box.sysctl({
        "net/netfilter/nf_conntrack_events": 1,
        "net/netfilter/nf_conntrack_acct": 1,
        "net/netfilter/nf_conntrack_timestamp": 1,
        "net/ipv4/ip_local_port_range": "4000 4000",
      });
      await box.run(["nft", HELPER_RULES]);
      await box.run(["bash", "-c", "echo x >/dev/udp/127.0.0.2/69"]);
      await run(REFERENCE, `-I expect ${MASTER} -t 300 ${EXPECTED} ${MASK}`);
      expect((await run(OURS, "-R -", `${FLOWS.join("\n")}\n`)).stderr).toBe("");
    });
    afterAll(() => lab.destroy());

    it("lists every flow, with what the text says of it", async () => {
      const objects = await json("-L -o json");
      const text = (await run(REFERENCE, "-L -o id")).stdout.trimEnd().split("\n");
      expect(objects).toHaveLength(FLOWS.length + 1);
      const ids = text.map((line) => Number(/ id=(\d+)$/.exec(line)?.[1]));
      expect(objects.map(({ id }) => id).sort()).toEqual(ids.sort());
      const [tcp] = await json("-L -p tcp -o json");
      expect(tcp).toMatchObject({
        family: "ipv4",
        protocol_name: "tcp",
        state: "ESTABLISHED",
        original: { src: "10.0.0.1", dst: "192.0.2.1", sport: 1, dport: 80, packets: 0, bytes: 0 },
        reply: { src: "192.0.2.1", dst: "203.0.113.1", sport: 80, dport: 4000 },
        mark: 0,
      });
      expect(tcp?.["status"]).toEqual(expect.arrayContaining(["ASSURED", "SRC_NAT", "CONFIRMED"]));
      expect(await json("-L -p 50 -o json")).toMatchObject([{ original: { zone: 6 } }]);
      expect(await json("-L -w 3 -m 7 -o json")).toMatchObject([{ zone: 3, mark: 7 }]);
    });

    it("gives the names of labels", async () => {
      const map = join(lab.dir, "labels");
      writeFileSync(map, "3 red\n9 blue\n");
      await run(OURS, `-U -p gre --label-add red,blue -M ${map}`);
      const [flow] = await json(`-L -p gre -o json,labels -M ${map}`);
      // A flow that was made before any rule spoke of labels has no room for them.
      if (flow !== undefined && "labels" in flow) {
        expect(flow).toMatchObject({ labels: [3, 9], label_names: ["red", "blue"] });
      }
      expect((await json("-L -p gre -o json"))[0]).not.toHaveProperty("label_names");
    });

    it("looks one up, counts and tells statistics", async () => {
      expect(await json(`-G ${UDP} -w 3 -o json`)).toHaveLength(0);
      const [got] = await json("-G -p tcp -s 10.0.0.1 -d 192.0.2.1 --sport 1 --dport 80 -o json");
      const [listed] = await json("-L -p tcp -o json");
      expect(listed).toEqual({ ...got, timeout: listed?.["timeout"], use: listed?.["use"] });
      expect(await json("-C -o json")).toEqual([{ table: "conntrack", count: FLOWS.length + 1 }]);
      expect(await json("-C expect -o json")).toEqual([{ table: "expect", count: 1 }]);
      expect((await json("-S -o json"))[0]).toMatchObject({ cpu: 0, insert_failed: 0 });
      expect((await json("-S expect -o json"))[0]).toHaveProperty("expect_new");
    });

    it("shows expectations", async () => {
      const shown = await json("-L expect -o json");
      expect(shown).toMatchObject([
        {
          protocol: 17,
          expected: { src: "127.0.0.2", dst: "127.0.0.1", sport: 0, dport: 5000 },
          mask: { src: "255.255.255.255", dst: "255.255.255.255", sport: 0, dport: 65535 },
          master: { src: "127.0.0.1", dst: "127.0.0.2", sport: 4000, dport: 69 },
        },
      ]);
      const get =
        "-G expect -p udp -s 127.0.0.2 -d 127.0.0.1 --sport 0 --dport 5000 --reply-port-src 1 --reply-port-dst 2 -o json";
      expect(await json(get)).toMatchObject([{ id: shown[0]?.["id"], protocol: 17 }]);
    });

    it("follows events of both tables, and says who caused them", async () => {
      const follow = async (words: string, change: () => Promise<unknown>) => {
        const child = box.spawn([OURS, ...words.split(" ")], { stdio: ["ignore", "pipe", "pipe"] });
        let out = "";
        child.stdout!.on("data", (bytes: Buffer) => {
          out += bytes.toString();
        });
        const closed = once(child, "close");
        await waitFor(
          async () => (await run("cat", "/proc/net/netlink")).stdout.includes(` ${child.pid} `),
          {
            what: "the event socket",
          },
        );
        await change();
        await waitFor(() => out !== "", { what: "an event" });
        child.kill("SIGINT");
        await closed;
        return readJsonLines(out);
      };
      const events = await follow("-E -o json", async () => {
        const changed = await json("-U -p tcp -m 9 -o json");
        expect(changed).toMatchObject([{ mark: 9 }]);
        expect(await json("-D -p tcp -o json")).toMatchObject([{ mark: 9 }]);
      });
      expect(events).toMatchObject([
        { event: "update", mark: 9, origin: {} },
        { event: "destroy", protocol: 6, origin: {} },
      ]);
      expect(events[1]).toHaveProperty("stop");
      const expectations = await follow("-E expect -o json", () => run(REFERENCE, "-F expect"));
      expect(expectations).toMatchObject([{ event: "destroy", expected: { dport: 5000 } }]);
    });
  },
  ["bin/conntrack"],
);
