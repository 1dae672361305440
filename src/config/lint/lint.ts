/**
 * A file, as bytes, to all there is to say about it: mistakes of the language, then rules. Never
 * throws, whatever the bytes; the number of findings has a limit.
 */

import type { Diagnostic } from "../diagnostic.ts";
import { type Inspection, inspectConfig } from "../index.ts";
import { languageRules } from "../language-rules.ts";
import { type Finding, inOrder, worst } from "./finding.ts";
import type { Found, RuleText, Severity } from "./rule.ts";
import { fileRules } from "./rules-table.ts";
import { type Subject, subjectOf } from "./subject.ts";
import { type Suppression, suppressionRules, suppressionsOf } from "./suppress.ts";

/** Findings shown for a file; the rest is counted. Nobody reads more. */
export const maxFindings = 1000;

export interface LintOptions {
  readonly file: string;
  /** Content of the protocols database. */
  readonly protocols?: string;
  /** What the C daemon does not accept, or crashes on, is an error. */
  readonly isForReference?: boolean;
  /** Ids of rules that are silent. */
  readonly ignored?: ReadonlySet<string>;
}

/** A file that was read and not judged yet. */
export interface ReadFile {
  readonly inspection: Inspection;
  readonly subject: Subject;
  readonly options: LintOptions;
}

export interface FileReport {
  readonly inspection: Inspection;
  /** In file order. */
  readonly findings: readonly Finding[];
  /** Findings beyond the limit; at least so many. */
  readonly left: number;
}

/** What a rule has found. */
export interface Verdict {
  readonly rule: RuleText;
  readonly found: Found;
}

export function readFile(bytes: Uint8Array, options: LintOptions): ReadFile {
  const { file, protocols } = options;
  const inspection = inspectConfig(bytes, { file, ...(protocols ? { protocols } : {}) });
  return { inspection, subject: subjectOf(inspection), options };
}

/** @param more Verdicts that came of a comparison: with the partner's file, with the machine. */
export function judge(file: ReadFile, more: readonly Verdict[] = []): FileReport {
  const { inspection, options } = file;
  const { text, comments, diagnostics } = inspection;
  const said = diagnostics.map((diagnostic) => ofLanguage(diagnostic, options));
  const mistakes = said.filter((finding) => finding.severity === "error");
  const verdicts = [...ownVerdicts(file, mistakes.length === 0), ...more].map(ofRule);
  const rest = [...said.filter((finding) => finding.severity !== "error"), ...verdicts];
  const suppressions = suppressionsOf(text, comments);
  const used = new Set<Suppression>();
  const isShown = ({ rule, offset }: Finding) => {
    const silencing = suppressions.filter(
      (each) => each.rule === rule && offset >= each.about.offset && offset < each.about.end,
    );
    for (const each of silencing) used.add(each);
    return silencing.length === 0;
  };
  const shown = [...mistakes, ...rest.filter(isShown)];
  const unused = suppressions.filter((each) => !used.has(each)).map(ofSuppression);
  const all = [...shown, ...unused].filter(({ rule }) => !options.ignored?.has(rule));
  const findings = worst(all, maxFindings).sort(inOrder);
  return { inspection, findings, left: all.length - findings.length };
}

export function lintFile(bytes: Uint8Array, options: LintOptions): FileReport {
  return judge(readFile(bytes, options));
}

/** What the rules about a single file say. */
function ownVerdicts({ subject, options }: ReadFile, isWhole: boolean): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const rule of fileRules) {
    if (rule.fromAbsence && !isWhole) continue;
    if (rule.isOurs && options.isForReference) continue;
    const raised: Severity | undefined =
      rule.isReferences && options.isForReference ? "error" : undefined;
    let count = 0;
    rule.run(subject, (found) => {
      if (count++ >= maxFindings) return;
      verdicts.push({ rule, found: raised ? { ...found, severity: raised } : found });
    });
  }
  return verdicts;
}

function ofRule({ rule, found }: Verdict): Finding {
  const { at = { offset: 0, end: 0 }, message, fix, related } = found;
  return {
    ...{ rule: rule.id, severity: found.severity ?? rule.severity, message },
    ...{ offset: at.offset, end: at.end, reason: rule.reason, advice: found.advice ?? rule.fix },
    ...{ expected: [], suggestions: [], ...(fix ? { fix } : {}) },
    ...(related
      ? {
          related: {
            ...related.at,
            message: related.message,
            isPartners: related.isPartners === true,
          },
        }
      : {}),
  };
}

const languageRule = new Map<string, RuleText>(languageRules.map((rule) => [rule.id, rule]));

const referenceWords = {
  refuses: "the C daemon refuses the file here",
  aborts: "the C daemon aborts",
  misreads: "the C daemon reads something else",
} as const;

function ofLanguage(diagnostic: Diagnostic, { isForReference }: LintOptions): Finding {
  const { rule: id, offset, end, expected = [], suggestions = [], edits, reference } = diagnostic;
  const rule = languageRule.get(id);
  const isRaised = isForReference === true && reference !== undefined;
  const text = inPlainWords(diagnostic);
  const [meant] = suggestions;
  const advice = diagnostic.hint ?? (meant ? `Write \`${meant}\`.` : (rule?.fix ?? ""));
  return {
    ...{ rule: id, severity: isRaised ? "error" : diagnostic.severity, offset, end },
    message: isRaised ? `${text} (${referenceWords[reference]})` : text,
    ...{ reason: rule?.reason ?? "", advice, expected, suggestions },
    ...(edits ? { fix: { title: "write it as today", edits, isSafe: true } } : {}),
  };
}

/** A word of the file that a message repeats: one as long as the file tells nobody more. */
const maxSymbol = 80;

/** The log names line and symbol; here both are seen. */
function inPlainWords({ rule, text }: Diagnostic): string {
  const [, whole] = /, symbol '(.*)': syntax error\s*$/s.exec(text) ?? [];
  if (whole === undefined) return text.trimEnd();
  const symbol = whole.length > maxSymbol ? `${whole.slice(0, maxSymbol)}…` : whole;
  if (symbol === "") return "the file ends too early";
  if (rule === "unknown-clause") return `there is no clause \`${symbol}\``;
  if (rule === "misplaced-clause") return `\`${symbol}\` does not belong here`;
  return `\`${symbol}\` does not fit here`;
}

const [unknownSuppression, unusedSuppression] = suppressionRules;
const ruleIds: ReadonlySet<string> = new Set([...fileRules, ...languageRules].map(({ id }) => id));

function ofSuppression({ rule, offset, end }: Suppression): Finding {
  const isKnown = ruleIds.has(rule);
  const row = isKnown ? unusedSuppression : unknownSuppression;
  const message = isKnown ? `\`${rule}\` has nothing to say here` : `there is no rule \`${rule}\``;
  return ofRule({ rule: row, found: { at: { offset, end }, message } });
}
