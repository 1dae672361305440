/**
 * The frames of an editor's messages: a header that names a length, and as many bytes. Passes them on as they are. Behind a
 * header that says no length nobody knows where the next message begins: all that follows would be lost in silence.
 *
 * Described in: doc/lint.md, "In an editor".
 */
import { Transform, type TransformCallback } from "node:stream";

const maxHeaderBytes = 4096;
/** A configuration may have 1 MiB; in JSON a byte of it may take six. */
const maxBodyBytes = 64 * 1024 * 1024;
const notHeader = /^[^:\n]+\n/m;
const endOfHeader = "\r\n\r\n";

export class FrameGuard extends Transform {
  private header = "";
  private bodyBytes = 0;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const mistake = this.follow(chunk);
    if (mistake === undefined) done(null, chunk);
    else done(new Error(mistake));
  }

  /** One sentence where the bytes are no messages. */
  private follow(chunk: Buffer): string | undefined {
    let at = 0;
    while (at < chunk.length) {
      const skipped = Math.min(this.bodyBytes, chunk.length - at);
      this.bodyBytes -= skipped;
      at += skipped;
      if (at === chunk.length) return undefined;
      const before = this.header.length;
      this.header += chunk.toString("latin1", at, at + maxHeaderBytes + 1);
      const end = this.header.indexOf(endOfHeader);
      // A line is told at once: nobody who types shall wait for the end of a header.
      if (notHeader.test(end < 0 ? this.header : this.header.slice(0, end))) {
        return "a line that is no header";
      }
      if (end < 0) {
        if (this.header.length > maxHeaderBytes) return "a header without an end";
        return undefined;
      }
      at += end + endOfHeader.length - before;
      const [, digits] =
        /^content-length:[ \t]*(\d{1,9})[ \t]*$/im.exec(this.header.slice(0, end)) ?? [];
      if (digits === undefined) return "a header without a length: `Content-Length: <bytes>`";
      if (Number(digits) > maxBodyBytes) return `a message of more than ${maxBodyBytes} bytes`;
      this.header = "";
      this.bodyBytes = Number(digits);
    }
    return undefined;
  }
}
