/** Which rewrites `--fix` applies: those that keep the meaning, and only where they do not overlap. */

import { applyEdits, type Edit } from "../diagnostic.ts";
import type { Finding } from "./finding.ts";

export interface Fixed {
  readonly bytes: Uint8Array;
  /** Findings whose rewrite was applied. */
  readonly applied: readonly Finding[];
  /** Findings whose rewrite would touch what another one has rewritten: fix again. */
  readonly refused: readonly Finding[];
}

export function applyFixes(bytes: Uint8Array, findings: readonly Finding[]): Fixed {
  const applied: Finding[] = [];
  const refused: Finding[] = [];
  const edits: Edit[] = [];
  for (const finding of findings) {
    const { fix } = finding;
    if (fix?.isSafe !== true) continue;
    const isClear = fix.edits.every((edit) => !edits.some((other) => overlap(edit, other)));
    (isClear ? applied : refused).push(finding);
    if (isClear) edits.push(...fix.edits);
  }
  return { bytes: applied.length > 0 ? applyEdits(bytes, edits) : bytes, applied, refused };
}

/** Two insertions at one place overlap as well: their order would be arbitrary. */
function overlap(a: Edit, b: Edit): boolean {
  return (a.offset < b.end && b.offset < a.end) || a.offset === b.offset;
}
