/**
 * `conntrack top`: the busiest flows and hosts, on a full screen, until `q`.
 *
 * A program of its own, so that the other commands of `conntrack` load nothing of it.
 *
 * Described in: doc/conntrack.md, "Top".
 */
import process from "node:process";
import { Command, InvalidArgumentError, Option } from "commander";
import { runTop } from "./top/run.ts";

const MIN_SECONDS = 0.1;
const MAX_SECONDS = 3600;

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= MIN_SECONDS && value <= MAX_SECONDS)) {
    throw new InvalidArgumentError(`${MIN_SECONDS} to ${MAX_SECONDS} seconds.`);
  }
  return value;
}

const program = new Command("conntrack top")
  .description("Shows the busiest flows and hosts, live.")
  .argument("[words...]", "only flows whose line holds these words, as `conntrack -L' prints it")
  .option(
    "-i, --interval <seconds>",
    "time between two looks; longer where the table is large",
    seconds,
    2,
  )
  .addOption(new Option("-f, --family <family>", "address family").choices(["ipv4", "ipv6"]))
  .action(async (words: string[], options: { interval: number; family?: "ipv4" | "ipv6" }) => {
    process.exitCode = await runTop({ words, ...options });
  });

await program.parseAsync();
