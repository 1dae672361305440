/**
 * The one setting of the whole machine that a run needs: room for its flows in the kernel's table.
 *
 * The limit belongs to the first namespace, the others only read it. It is put back whatever happens.
 */
import { readFileSync, writeFileSync } from "node:fs";

const PATH = "/proc/sys/net/netfilter/nf_conntrack_max";

/** Raises the limit if it is lower; answers how to put it back. */
export function raiseTableLimit(entries: number): () => void {
  const before = readFileSync(PATH, "utf8");
  if (Number(before) >= entries) return () => undefined;
  const restore = () => writeFileSync(PATH, before);
  process.on("exit", restore);
  writeFileSync(PATH, String(entries));
  return () => {
    process.off("exit", restore);
    restore();
  };
}
