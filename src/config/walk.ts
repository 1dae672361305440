/** Visits the clauses of a file in its order. */

import type { Written } from "../../grammar/index.ts";
import type { Clauses, Reading } from "./reading.ts";

/** The place that is visited: what is said belongs to the bytes up to `end`. */
export interface Visit {
  readonly offset: number;
  readonly end: number;
  /** How far the file was read to get there. */
  readonly when: number;
}

/** @param step Told what is visited next; false leaves it out. */
export function walk(
  outline: readonly Written[],
  clauses: Clauses,
  reading: Reading,
  step: (visit: Visit) => boolean,
): void {
  for (const written of outline) {
    const { keyword, values, body, items, isWhole } = written;
    const clause = clauses[written.clause];
    const first = keyword ?? values[0];
    const last = values.at(-1) ?? keyword;
    if (first === undefined || last === undefined) continue;
    const end = last.offset + last.text.length;
    reading.here = written;
    const { offset, text } = body ? first : last;
    const place = { offset, end: offset + text.length, when: body?.open ?? last.offset };
    // A clause with braces means something even where its head is broken.
    if ((isWhole || body) && step(place)) clause?.enter?.(reading, values);
    walk(items, clauses, reading, step);
    reading.here = written;
    if (!body || !clause?.leave) continue;
    const closed = { offset: first.offset, end, when: body.close ?? Number.MAX_SAFE_INTEGER };
    if (step(closed)) clause.leave(reading, values);
  }
}
