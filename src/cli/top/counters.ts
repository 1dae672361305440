/**
 * The counters of every flow at the last look and at this one, so that there are rates: numbers in flat tables, keyed
 * by the kernel's id, without an object a flow.
 */

const FIRST_SLOTS = 1 << 12;

/** What has changed of a flow since the last look. */
export interface Change {
  isNew: boolean;
  bytes: number;
  packets: number;
}

class CounterTable {
  ids = new Uint32Array(FIRST_SLOTS);
  bytes = new Float64Array(FIRST_SLOTS);
  packets = new Float64Array(FIRST_SLOTS);
  count = 0;

  clear(): void {
    this.ids.fill(0);
    this.count = 0;
  }

  /** The slot of an id, or the free one where it belongs. */
  slot(id: number): number {
    const { ids } = this;
    const mask = ids.length - 1;
    let at = Math.imul(id, 0x9e3779b1) >>> 0;
    at = (at ^ (at >>> 15)) & mask;
    while (ids[at] !== 0 && ids[at] !== id) at = (at + 1) & mask;
    return at;
  }

  put(id: number, bytes: number, packets: number): void {
    if ((this.count + 1) * 2 > this.ids.length) this.#grow();
    const at = this.slot(id);
    if (this.ids[at] === 0) this.count += 1;
    this.ids[at] = id;
    this.bytes[at] = bytes;
    this.packets[at] = packets;
  }

  #grow(): void {
    const { ids, bytes, packets } = this;
    this.ids = new Uint32Array(ids.length * 2);
    this.bytes = new Float64Array(ids.length * 2);
    this.packets = new Float64Array(ids.length * 2);
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      if (id === 0) continue;
      const at = this.slot(id);
      this.ids[at] = id;
      this.bytes[at] = bytes[i]!;
      this.packets[at] = packets[i]!;
    }
  }
}

export class FlowCounters {
  #before = new CounterTable();
  #now = new CounterTable();
  readonly #change: Change = { isNew: false, bytes: 0, packets: 0 };

  /** Begin a look: what was now is before. */
  turn(): void {
    const old = this.#before;
    this.#before = this.#now;
    this.#now = old;
    old.clear();
  }

  /** Entries at the last look. */
  get countBefore(): number {
    return this.#before.count;
  }

  /** Keep the counters of a flow. The answer is valid until the next call. */
  see(anyId: number, bytes: number, packets: number): Change {
    // 0 stands for a free slot.
    const id = anyId === 0 ? 1 : anyId;
    const before = this.#before;
    const at = before.slot(id);
    const change = this.#change;
    change.isNew = before.ids[at] === 0;
    // Counters that went back belong to another flow, or were set to zero.
    change.bytes = Math.max(0, bytes - (change.isNew ? 0 : before.bytes[at]!));
    change.packets = Math.max(0, packets - (change.isNew ? 0 : before.packets[at]!));
    this.#now.put(id, bytes, packets);
    return change;
  }
}
