/** The daemon cannot start: the reference's words, and where they are poor, a line of our own. */
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
