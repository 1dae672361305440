/** A broken invariant of our own ends the process with its name in the log; bytes from outside never do. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${invariant}`);
}
