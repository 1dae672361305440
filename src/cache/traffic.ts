/** What ended flows had carried, where the kernel counts it: the block `traffic processed` of `-s`. */
import { type FlowRegister, Has1, W } from "../flow/register.ts";
import { join64 } from "../kit/bytes.ts";

export class Traffic {
  bytes = 0;
  packets = 0;

  /** Only the low 32 bits of each counter, as the reference adds them. */
  add(flow: FlowRegister): void {
    const { words } = flow;
    if (flow.has1(Has1.countersOrig)) {
      this.packets += join64(words[W.packetsOrigLow]!, 0);
      this.bytes += join64(words[W.bytesOrigLow]!, 0);
    }
    if (flow.has1(Has1.countersReply)) {
      this.packets += join64(words[W.packetsReplyLow]!, 0);
      this.bytes += join64(words[W.bytesReplyLow]!, 0);
    }
  }
}
