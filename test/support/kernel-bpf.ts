/** A machine for classic socket filters: as much of it as the assembler of src/netlink/bpf.ts uses. */

const SKF_AD_NLATTR = 0xfffff00c;
const SKF_AD_NLATTR_NEST = 0xfffff010;

/** Offset of the attribute of `type` among those between `at` and `end`, or 0. */
function findAttribute(bytes: Uint8Array, at: number, end: number, type: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let here = at;
  while (here + 4 <= end) {
    const length = view.getUint16(here, true);
    if (length < 4 || here + length > end) return 0;
    if ((view.getUint16(here + 2, true) & 0x3fff) === type) return here;
    here += (length + 3) & ~3;
  }
  return 0;
}

/** Whether the program keeps the packet. Throws where the kernel would refuse the program. */
export function runFilter(program: Uint8Array, packet: Uint8Array): boolean {
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const cells = new Uint32Array(16);
  if (program.length === 0) return true;
  let a = 0;
  let x = 0;
  for (let pc = 0; ; pc++) {
    const at = pc * 8;
    if (at >= program.length) throw new Error("the program ends with a return");
    const k = code.getUint32(at + 4, true);
    const op = code.getUint16(at, true);
    switch (op) {
      case 0x30:
        if (k === SKF_AD_NLATTR) a = findAttribute(packet, a, packet.length, x);
        else if (k === SKF_AD_NLATTR_NEST) {
          a = findAttribute(packet, a + 4, a + view.getUint16(a, true), x);
        } else if (k < packet.length) a = view.getUint8(k);
        else return false;
        break;
      case 0x20:
      case 0x40: {
        const from = op === 0x20 ? k : x + k;
        if (from + 4 > packet.length) return false;
        a = view.getUint32(from);
        break;
      }
      case 0x50:
        if (x + k >= packet.length) return false;
        a = view.getUint8(x + k);
        break;
      case 0x00:
        a = k;
        break;
      case 0x60:
        a = cells[k]!;
        break;
      case 0x01:
        x = k;
        break;
      case 0x61:
        x = cells[k]!;
        break;
      case 0x02:
        cells[k] = a;
        break;
      case 0x54:
        a = (a & k) >>> 0;
        break;
      case 0x05:
        pc += k | 0;
        break;
      case 0x15:
        pc += a === k ? code.getUint8(at + 2) : code.getUint8(at + 3);
        break;
      case 0x07:
        x = a;
        break;
      case 0x06:
        return k !== 0;
      default:
        throw new Error(`instruction 0x${op.toString(16)} is known`);
    }
  }
}
