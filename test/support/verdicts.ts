/** The fixtures of the configuration language: what the reference says about each, and what we say. */
import { readdirSync, readFileSync } from "node:fs";
import { readConfig } from "../../src/config/index.ts";

const folder = new URL("../fixtures/config/", import.meta.url);

export interface Fixture {
  readonly name: string;
  readonly title: string;
  readonly text: string;
  /** accept, warn, reject (parse), reject (start). */
  readonly verdict: string;
  /** Lines of the reference's log while it reads, without time and process. */
  readonly lines: readonly string[];
}

export function fixtures(): Fixture[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".conf"));
  return names.sort().map((file) => {
    const expected = readFileSync(new URL(file.replace(".conf", ".expected"), folder), "utf8");
    const [title = "", verdict = "", ...lines] = expected.split("\n");
    return {
      name: file.replace(".conf", ""),
      title: title.replace(/^# /, ""),
      text: readFileSync(new URL(file, folder), "latin1"),
      verdict,
      lines: lines.filter((line) => /^\[(warning|ERROR)\]/.test(line)),
    };
  });
}

/** What we say while we read it, in the same form. */
export function ours({ name, text }: Fixture): { verdict: string; lines: string[] } {
  const interfaceIndex = (link: string) => (link === "lo" ? 1 : 0);
  const result = readConfig(Buffer.from(text, "latin1"), { file: name, interfaceIndex });
  const lines = result.warnings.map((warning) => `[warning] ${warning.text.trimEnd()}`);
  if (!result.ok) lines.push(`[ERROR] ${result.error.text.trimEnd()}`);
  return { verdict: result.ok ? (lines.length > 0 ? "warn" : "accept") : "reject (parse)", lines };
}

const cell = (text: string) => text.replaceAll("|", "\\|");
const quoted = (line: string) => `\`\` ${cell(line)} \`\``;

/** A page with a row for each fixture. */
export function verdictPage(): string {
  const rows = fixtures().map((fixture) => {
    const own = ours(fixture);
    const isSame = own.lines.join("\n") === fixture.lines.join("\n");
    const theirs = [fixture.verdict, ...fixture.lines.map(quoted)].join("<br>");
    const said = isSame ? "the same" : [own.verdict, ...own.lines.map(quoted)].join("<br>");
    return `| [${fixture.name}](../test/fixtures/config/${fixture.name}.conf) | ${cell(fixture.title)} | ${theirs} | ${said} |`;
  });
  return `<!-- Written by a program, from test/fixtures/config: npm run docs -->

# Verdicts on configuration files

What conntrackd 1.4.7 says about each fixture while it reads it (1.4.9 says the same), and what Flowkeeper says. A file that
is accepted may still be refused when the daemon starts; that is the reference's "reject (start)". Where the two differ,
[differences.md](differences.md) has the reason. \`test/differential/config.test.ts\` compares these files and some hundred
generated ones with the installed program.

| File | What it holds | Reference | Flowkeeper |
| --- | --- | --- | --- |
${rows.join("\n")}
`;
}
