/**
 * Waiting for a condition, with a deadline. The lab never sleeps for a fixed time: a slow machine waits longer, a fast
 * one not at all.
 */

export interface WaitOptions {
  /** What is waited for, in words; the error says it. */
  readonly what: string;
  readonly timeoutMs?: number;
  /** Pause between two looks at the condition. */
  readonly everyMs?: number;
}

/** Resolves with the first result of `condition` that is neither false nor undefined; throws after the deadline. */
export async function waitFor<T>(
  condition: () => T | false | undefined | Promise<T | false | undefined>,
  { what, timeoutMs = 15_000, everyMs = 25 }: WaitOptions,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const result = await condition();
    if (result !== false && result !== undefined) return result;
    if (performance.now() > deadline) {
      throw new Error(`waited ${timeoutMs / 1000} s in vain for ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
