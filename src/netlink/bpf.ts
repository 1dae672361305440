/**
 * A small assembler for classic socket filters (`struct sock_filter`), with labels.
 *
 * Conditional jumps reach 255 instructions only, so every branch here is a test that skips one
 * unconditional jump, which reaches everywhere. Source: linux/filter.h, linux/bpf_common.h.
 */

const LD_W_ABS = 0x20;
const LD_B_ABS = 0x30;
const LD_W_IND = 0x40;
const LD_B_IND = 0x50;
const LD_IMM = 0x00;
const LD_MEM = 0x60;
const LDX_IMM = 0x01;
const LDX_MEM = 0x61;
const ST = 0x02;
const AND_K = 0x54;
const JA = 0x05;
const JEQ_K = 0x15;
const TAX = 0x07;
const RET_K = 0x06;
/** Ancillary loads: find an attribute behind offset A, or inside the nest at A; its type is in X. */
const SKF_AD_NLATTR = -0x1000 + 12;
const SKF_AD_NLATTR_NEST = -0x1000 + 16;
const INSTRUCTION_BYTES = 8;
/** BPF_MAXINSNS. */
const MAX_INSTRUCTIONS = 4096;
const ACCEPT_BYTES = 0xffffffff;

interface Instruction {
  readonly code: number;
  readonly k: number;
  readonly jt?: number;
  readonly jf?: number;
  readonly label?: string;
}

export class FilterProgram {
  readonly #code: Instruction[] = [];
  readonly #labels = new Map<string, number>();

  label(name: string): void {
    this.#labels.set(name, this.#code.length);
  }

  accept(): void {
    this.#code.push({ code: RET_K, k: ACCEPT_BYTES });
  }

  reject(): void {
    this.#code.push({ code: RET_K, k: 0 });
  }

  goto(label: string): void {
    this.#code.push({ code: JA, k: 0, label });
  }

  /** Go to `label` when A equals `k`. */
  ifEqual(k: number, label: string): void {
    this.#code.push({ code: JEQ_K, k, jt: 0, jf: 1 });
    this.goto(label);
  }

  ifNotEqual(k: number, label: string): void {
    this.#code.push({ code: JEQ_K, k, jt: 1, jf: 0 });
    this.goto(label);
  }

  loadByte(offset: number): void {
    this.#code.push({ code: LD_B_ABS, k: offset });
  }

  /** A = byte at X + `offset`; `loadWordAt` a big-endian word. */
  loadByteAt(offset: number): void {
    this.#code.push({ code: LD_B_IND, k: offset });
  }

  loadWordAt(offset: number): void {
    this.#code.push({ code: LD_W_IND, k: offset });
  }

  loadWord(offset: number): void {
    this.#code.push({ code: LD_W_ABS, k: offset });
  }

  and(mask: number): void {
    this.#code.push({ code: AND_K, k: mask });
  }

  /** Keep A in a scratch cell; fetch it into A or X. */
  store(cell: number): void {
    this.#code.push({ code: ST, k: cell });
  }

  fetch(cell: number): void {
    this.#code.push({ code: LD_MEM, k: cell });
  }

  fetchIndex(cell: number): void {
    this.#code.push({ code: LDX_MEM, k: cell });
  }

  /** X = A. */
  index(): void {
    this.#code.push({ code: TAX, k: 0 });
  }

  /** A = offset of the attribute reached by `path` from `start`; a missing one goes to `missing`. */
  findAttribute(start: number, path: readonly number[], missing: string): void {
    this.#code.push({ code: LD_IMM, k: start });
    path.forEach((type, depth) => {
      this.#code.push({ code: LDX_IMM, k: type });
      this.#code.push({ code: LD_B_ABS, k: depth === 0 ? SKF_AD_NLATTR : SKF_AD_NLATTR_NEST });
      this.ifEqual(0, missing);
    });
  }

  /** The program as the kernel takes it. Throws a RangeError when it is too long. */
  assemble(): Uint8Array {
    if (this.#code.length > MAX_INSTRUCTIONS) {
      throw new RangeError(`socket filter of ${this.#code.length} instructions`);
    }
    const out = new Uint8Array(this.#code.length * INSTRUCTION_BYTES);
    const view = new DataView(out.buffer);
    this.#code.forEach((each, at) => {
      const k = each.label === undefined ? each.k : this.#target(each.label) - at - 1;
      view.setUint16(at * INSTRUCTION_BYTES, each.code, true);
      view.setUint8(at * INSTRUCTION_BYTES + 2, each.jt ?? 0);
      view.setUint8(at * INSTRUCTION_BYTES + 3, each.jf ?? 0);
      view.setUint32(at * INSTRUCTION_BYTES + 4, k >>> 0, true);
    });
    return out;
  }

  #target(label: string): number {
    const at = this.#labels.get(label);
    if (at === undefined) throw new Error(`broken invariant: label ${label} exists`);
    return at;
  }
}
