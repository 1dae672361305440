/**
 * The grammar for editors, in the engine that editors run it with: files are coloured line by line, and each word has
 * the scope that its kind promises.
 */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import oniguruma from "vscode-oniguruma";
import textmate from "vscode-textmate";
import { parseText } from "../grammar/parse.ts";

const root = join(import.meta.dirname, "..");
const grammarFile = join(root, "editor/conntrackd.tmLanguage.json");
const scope = "source.conntrackd";

let grammar: textmate.IGrammar;
beforeAll(async () => {
  const engine = createRequire(import.meta.url).resolve("vscode-oniguruma/release/onig.wasm");
  await oniguruma.loadWASM(readFileSync(engine));
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (sources) => oniguruma.createOnigScanner(sources),
      createOnigString: (text) => oniguruma.createOnigString(text),
    }),
    loadGrammar: async (name) =>
      name === scope
        ? textmate.parseRawGrammar(readFileSync(grammarFile, "utf8"), grammarFile)
        : null,
  });
  const loaded = await registry.loadGrammar(scope);
  if (loaded === null) throw new Error("the grammar is not there");
  grammar = loaded;
});

interface Coloured {
  readonly offset: number;
  readonly text: string;
  /** Without the language's name at its end; empty for what has no colour. */
  readonly scope: string;
}

function coloured(text: string): Coloured[] {
  const found: Coloured[] = [];
  let stack = textmate.INITIAL;
  let start = 0;
  for (const line of text.split("\n")) {
    const { tokens, ruleStack } = grammar.tokenizeLine(line, stack);
    for (const { startIndex, endIndex, scopes } of tokens) {
      const word = line.slice(startIndex, endIndex);
      const [, own = ""] = scopes;
      if (word.trim() === "") continue;
      found.push({
        offset: start + startIndex,
        text: word,
        scope: own.replace(/\.conntrackd$/, ""),
      });
    }
    stack = ruleStack;
    start += line.length + 1;
  }
  return found;
}

const shown = (text: string) =>
  coloured(text)
    .map(({ text: word, scope: own }) => `${word} → ${own}`)
    .join("\n");

describe("the grammar for editors", () => {
  it("colours a file as it reads", () => {
    const file = [
      "# both nodes",
      "Sync {",
      "    Mode FTFW {",
      "        DisableExternalCache no # by hand",
      "    }",
      "    UDP Default {",
      "        IPv6_address fe80::1",
      "        Port 3780",
      "    }",
      "}",
      "General {",
      "    Nice -20",
      "    LogFile /var/log/a{b}#c.log",
      "    Filter From Userspace {",
      "        Address Ignore { IPv4_address 10.0.0.0/8 }",
      "        State Accept { ESTABLISHED for TCP }",
      "    }",
      "}",
    ].join("\n");
    expect(shown(file)).toMatchInlineSnapshot(`
      "# both nodes → comment.line.number-sign
      Sync → keyword.control.block
      { → punctuation.section.block
      Mode → keyword.other.clause
      FTFW → support.type.mode
      { → punctuation.section.block
      DisableExternalCache → keyword.other.clause
      no → constant.language.switch
      # by hand → comment.line.number-sign
      } → punctuation.section.block
      UDP → keyword.control.block
      Default → support.constant
      { → punctuation.section.block
      IPv6_address → keyword.other.clause
      fe80::1 → constant.numeric.address
      Port → keyword.other.clause
      3780 → constant.numeric
      } → punctuation.section.block
      } → punctuation.section.block
      General → keyword.control.block
      { → punctuation.section.block
      Nice → keyword.other.clause
      -20 → constant.numeric
      LogFile → keyword.other.clause
      /var/log/a{b}#c.log → string.unquoted.path
      Filter → keyword.control.block
      From → support.constant
      Userspace → support.constant
      { → punctuation.section.block
      Address → keyword.control.block
      Ignore → support.constant
      { → punctuation.section.block
      IPv4_address → keyword.other.clause
      10.0.0.0/8 → constant.numeric.address
      } → punctuation.section.block
      State → keyword.control.block
      Accept → support.constant
      { → punctuation.section.block
      ESTABLISHED → support.constant
      for → support.constant
      TCP → keyword.control.block
      } → punctuation.section.block
      } → punctuation.section.block
      } → punctuation.section.block"
    `);
  });
  it.each([
    ["HashSize8", ""],
    ["NotHashSize", ""],
    ["eth0.100", ""],
    ["no-such", ""],
    ["yes", "constant.language.switch"],
    ["Alarm", "support.type.mode"],
    ["StripNAT", "invalid.deprecated"],
    ["::1/128", "constant.numeric.address"],
    ["192.0.2.1", "constant.numeric.address"],
  ])("%s: %s", (word, expected) => expect(shown(word)).toBe(`${word} → ${expected}`));
});

/** What an editor shows a token of the language as. */
const promised: Readonly<Record<string, RegExp>> = {
  Comment: /^comment\.line/,
  PathName: /^string\.unquoted\.path/,
  Number: /^constant\.numeric/,
  Signed: /^constant\.numeric/,
  Ip: /^constant\.numeric\.address/,
  On: /^constant\.language\.switch/,
  Off: /^constant\.language\.switch/,
  FTFW: /^support\.type\.mode/,
  ALARM: /^support\.type\.mode/,
  OldAlarm: /^invalid\.deprecated/,
  OldFtfw: /^invalid\.deprecated/,
  NOTRACK: /^support\.type\.mode/,
  LeftBrace: /^punctuation\.section/,
  RightBrace: /^punctuation\.section/,
};

describe("beside the reader of configurations", () => {
  const folders = ["doc", "test/fixtures/lint", "test/fixtures/config"];
  const names = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => /(conntrackd|links\/[\w-]+|firewall-a|s\d+)\.conf$/.test(name))
      .map((name) => `${folder}/${name}`),
  );
  it("has files to look at", () => expect(names.length).toBeGreaterThanOrEqual(8));
  it.each(names)("%s: every word up to a mistake has the scope of its kind", (name) => {
    const text = readFileSync(join(root, name), "latin1");
    const { tokens, comments, mistakes } = parseText(text);
    const mistake = mistakes[0]?.offset ?? text.length;
    const spans = coloured(text);
    for (const { name: kind, text: word, offset } of [...tokens, ...comments]) {
      if (offset + word.length >= mistake) continue;
      const expected =
        promised[kind] ??
        (kind === "Word" ? /^(invalid\.deprecated)?$/ : /^(keyword|support|invalid\.deprecated)/);
      const seen = spans.findLast((each) => each.offset <= offset);
      expect([word, seen?.scope]).toEqual([word, expect.stringMatching(expected)]);
      if (kind !== "Word") expect(seen?.text).toBe(word);
    }
  });
});
