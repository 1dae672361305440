/** The answer to a client of the control socket, as those who answer see it. */
import type { LineWriter } from "../kit/line-writer.ts";

export interface Reply {
  /** False once the answer has ended, or the client is gone. */
  readonly isOpen: boolean;
  /** Sends text, or keeps it until the client has read what came before. */
  write(text: string): void;
  /** Called once, when the connection is over, whoever ended it. */
  onClose(callback: () => void): void;
  /**
   * Sends what `next` appends, until it says false, then ends. `next` is called only while the client keeps up, in
   * bounded turns, and never again once the client is gone: a dump of a million flows to a client that does not read costs
   * one piece of memory, and no time.
   */
  stream(next: (out: LineWriter) => boolean): void;
  /** End of the answer: the client sees the end of file once it has read everything. */
  end(): void;
}
