/** The daemon cannot start: the reference's words, and where they are poor, a line of our own. */
import { SystemError } from "./system-error.ts";

export class StartError extends Error {
  override readonly name = "StartError";
  readonly detail: string | undefined;
  /** The reference adds `initialization failed` for troubles of the synchronisation. */
  readonly isInitialization: boolean;

  constructor(text: string, options: { detail?: string; isInitialization?: boolean } = {}) {
    super(text);
    this.detail = options.detail;
    this.isInitialization = options.isInitialization ?? false;
  }
}

/** What a step of the start does, with the kernel's words behind ours. @throws StartError */
export function opening<T>(what: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new StartError(`${what}: ${error.reason}`, { detail: `in ${error.message}` });
  }
}
