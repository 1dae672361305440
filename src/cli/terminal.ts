/** Where a program's words go, and what is known about it. */

export interface Terminal {
  readonly isTerminal: boolean;
  readonly columns: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly write: (text: string) => void;
  readonly complain: (text: string) => void;
}

export function processTerminal(): Terminal {
  // `conntrackd-lint … | head` ends us; it is no mistake.
  process.stdout.on("error", () => process.exit(process.exitCode));
  return {
    isTerminal: process.stdout.isTTY === true,
    columns: process.stdout.columns ?? 80,
    environment: process.env,
    write: (text) => void process.stdout.write(text),
    complain: (text) => void process.stderr.write(text),
  };
}
