/** Where machines say what the operator should know. The runtime has a log for it, tests keep the lines. */

/** Notices and errors for the operator, in the words of doc/logs.md. */
export interface Journal {
  notice(text: string): void;
  warning(text: string): void;
  error(text: string): void;
  /** A failed entry, for the log file. */
  flow(text: string): void;
  /** The text of an errno. */
  errnoText(errno: number): string;
}
