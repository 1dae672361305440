import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  anyExpectationSeed,
  buildExpectation,
  describeExpectation,
} from "../../test/support/expectations.ts";
import { MessageWriter, readU16 } from "../netlink/message.ts";
import {
  EXPECTED_TUPLE,
  ExpectationRegister,
  HasX,
  MASK_TUPLE,
  MASTER_FLOW_TUPLE,
  X,
} from "./expectation.ts";
import {
  createExpectation,
  decodeKernelExpectation,
  deleteExpectation,
  dumpExpectations,
  encodeKernelExpectation,
  flushExpectations,
} from "./expectation-kernel.ts";
import {
  hashExpectation,
  packExpectation,
  sameExpectation,
  unpackExpectation,
} from "./expectation-pack.ts";
import { expectationText, expectationXml } from "./expectation-text.ts";
import {
  decodeWireExpectation,
  encodeWireExpectation,
  expectationWireTable,
  WIRE_EXPECTATION_MAX_WORDS,
} from "./expectation-wire.ts";
import { newPacked } from "./pack.ts";
import { WIRE_EVERYTHING } from "./wire-table.ts";

/** Messages captured from the reference, header of eight bytes included. */
const VECTORS = {
  "a passive FTP transfer": `1300007c 6b0432f1 000c0000 0a010002 0a020002 00050002 06000000
    00080003 a03c0015 000c0004 0a010002 0a020002 00050006 06000000
    00080007 0000a30b 000c0008 ffffffff ffffffff 0005000a 06000000
    0008000b 0000ffff 0008000c 0000012c 0008000d 00000000 0008000e 00000000
    00080013 66747000`,
  "one behind a translation": `130000b8 6b04330b 000c0000 0a010002 0a010001 00050002 06000000
    00080003 a0460015 000c0004 0a010002 0a010001 00050006 06000000
    00080007 0000a30b 000c0008 ffffffff ffffffff 0005000a 06000000
    0008000b 0000ffff 0008000c 0000012c 0008000d 00000000 0008000e 00000000
    000c000f 00000000 00000000 00050011 06000000 00080010 a30b0000
    00080012 00000000 00080013 66747000
    00160014 6e61742d 666f6c6c 6f772d6d 61737465 72000000`,
} as const;

function wordsOf(hex: string): Int32Array {
  const bytes = Uint8Array.from(hex.replace(/\s/g, "").match(/../g)!, (x) =>
    Number.parseInt(x, 16),
  );
  return new Int32Array(bytes.slice(8).buffer);
}

function read(hex: string): ExpectationRegister {
  const words = wordsOf(hex);
  const r = new ExpectationRegister();
  expect(decodeWireExpectation(r, words, 0, words.length * 4)).toBe(true);
  return r;
}

describe("an expectation on the wire", () => {
  for (const [name, hex] of Object.entries(VECTORS)) {
    it(`reads and writes the captured message: ${name}`, () => {
      const out = new Int32Array(WIRE_EXPECTATION_MAX_WORDS);
      const end = encodeWireExpectation(read(hex), WIRE_EVERYTHING, out, 0);
      expect(Array.from(out.subarray(0, end))).toEqual(Array.from(wordsOf(hex)));
    });
  }

  it("knows every id exactly once", () => {
    const ids = expectationWireTable.map((each) => each.id).sort((a, b) => a - b);
    expect(ids).toEqual(Array.from({ length: 21 }, (_, i) => i));
  });

  it("fits the room that is promised for it", () => {
    const out = new Int32Array(200);
    fc.assert(
      fc.property(anyExpectationSeed, (seed) => {
        const end = encodeWireExpectation(buildExpectation(seed), WIRE_EVERYTHING, out, 0);
        expect(end).toBeLessThanOrEqual(WIRE_EXPECTATION_MAX_WORDS);
      }),
    );
  });

  it("takes no ports from a message about a protocol that has none", () => {
    const hex = VECTORS["a passive FTP transfer"].replace("00050006 06", "00050006 2f");
    const r = read(hex);
    expect([r.has(HasX.expectedL4), r.has(HasX.maskL4)]).toEqual([false, true]);
    expect(r.words[EXPECTED_TUPLE.l4Dst]).toBe(0);
  });

  it("keeps a translation only whole", () => {
    const hex = VECTORS["one behind a translation"];
    const whole = read(hex);
    expect(whole.words[X.natDirection]).toBe(0);
    expect(whole.has(HasX.nat)).toBe(true);
    const half = read(hex.replace("00080012 00000000", ""));
    expect(half.has(HasX.nat | HasX.natDirection | HasX.natL4)).toBe(false);
  });
});

describe("a message about an expectation that must not be applied", () => {
  const whole = VECTORS["a passive FTP transfer"];
  const verdict = (hex: string, trim = 0) => {
    const words = wordsOf(hex);
    const r = new ExpectationRegister();
    return decodeWireExpectation(r, words, 0, words.length * 4 - trim);
  };

  it("is one without the master, the expected or the mask tuple", () => {
    expect(verdict(whole)).toBe(true);
    expect(verdict(whole.replace("000c0000 0a010002 0a020002", ""))).toBe(false);
    expect(verdict(whole.replace("00050006 06000000", ""))).toBe(false);
    expect(verdict(whole.replace("000c0008 ffffffff ffffffff", ""))).toBe(false);
    expect(verdict("00000000 00000000")).toBe(false);
  });
  it("is one with an unknown attribute, or one of a wrong length", () => {
    expect(verdict(`${whole} 00050015 00000000`)).toBe(false);
    expect(verdict(`${whole} 0006000d 00000000`)).toBe(false);
    expect(verdict(whole, 3)).toBe(false);
    expect(verdict(`${whole} 00080013 66747070`)).toBe(false);
  });
  it("is one that mixes families", () => {
    const v6 = `00240005 ${"00000000 ".repeat(8)}`;
    expect(verdict(whole.replace("000c0004 0a010002 0a020002", v6))).toBe(false);
  });
  it("may be any bytes at all", () => {
    const r = new ExpectationRegister();
    fc.assert(
      fc.property(fc.array(fc.integer(), { maxLength: 60 }), fc.nat(3), (list, trim) => {
        const bytes = Math.max(0, list.length * 4 - trim);
        decodeWireExpectation(r, Int32Array.from([...list, 0]), 0, bytes);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("a packed expectation", () => {
  for (const mask of [WIRE_EVERYTHING, ~HasX.timeout]) {
    it(`unpacks to the same expectation (presence mask ${mask})`, () => {
      const packed = newPacked();
      const back = new ExpectationRegister();
      fc.assert(
        fc.property(anyExpectationSeed, (seed) => {
          const r = buildExpectation(seed);
          packExpectation(r, mask, packed);
          expect(unpackExpectation(back, packed.words, 0, packed.wireWords)).toBe(true);
          expect(describeExpectation(back)).toEqual(describeExpectation(r));
          expect(sameExpectation(back, r)).toBe(true);
          expect(hashExpectation(back, 7)).toBe(hashExpectation(r, 7));
        }),
        { numRuns: 1000 },
      );
    });
  }
});

describe("the identity of an expectation", () => {
  const base = () => read(VECTORS["a passive FTP transfer"]);

  it("is in its three tuples and its zone", () => {
    const words = [EXPECTED_TUPLE, MASK_TUPLE, MASTER_FLOW_TUPLE].flatMap((tuple) => [
      tuple.protocol,
      tuple.src,
      tuple.dst,
      tuple.l4Src,
      tuple.l4Dst,
    ]);
    for (const word of [...words, X.zone]) {
      const other = base();
      other.words[word]! ^= 1;
      expect(sameExpectation(base(), other)).toBe(false);
      expect(hashExpectation(other, 1)).not.toBe(hashExpectation(base(), 1));
    }
  });

  it("is not in what may change or be left out", () => {
    const other = base();
    for (const word of [X.timeout, X.flags, X.class, X.helperLength, X.id]) other.words[word]! ^= 1;
    expect(sameExpectation(base(), other)).toBe(true);
    expect(hashExpectation(other, 1)).toBe(hashExpectation(base(), 1));
  });
});

describe("an expectation in a kernel message", () => {
  it("reads back as it was written", () => {
    const back = new ExpectationRegister();
    fc.assert(
      fc.property(anyExpectationSeed, (seed) => {
        const r = buildExpectation(seed);
        const w = new MessageWriter(1024);
        encodeKernelExpectation(w, r);
        expect(decodeKernelExpectation(back, w.bytes, 0, w.length)).toBe(true);
        expect(describeExpectation(back)).toEqual(describeExpectation(r));
      }),
      { numRuns: 1000 },
    );
  });

  it("may be any bytes at all", () => {
    const r = new ExpectationRegister();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        decodeKernelExpectation(r, bytes, 0, bytes.length);
      }),
      { numRuns: 2000 },
    );
  });

  const header = (w: MessageWriter) => [
    readU16(w.bytes, 4),
    readU16(w.bytes, 6),
    w.bytes[16],
    w.length,
  ];

  it("is created with everything that the peer has told, its translation included", () => {
    const r = read(VECTORS["one behind a translation"]);
    const w = new MessageWriter(1024);
    createExpectation(w, r, 1, true);
    expect(header(w).slice(0, 3)).toEqual([0x200, 0x605, 2]);
    const back = new ExpectationRegister();
    expect(decodeKernelExpectation(back, w.bytes, 20, w.length)).toBe(true);
    expect(describeExpectation(back)).toEqual(describeExpectation(r));
  });

  it("is created without the id that another kernel gave it", () => {
    const r = read(VECTORS["a passive FTP transfer"]);
    r.words[X.has]! |= HasX.id;
    const w = new MessageWriter(1024);
    createExpectation(w, r, 1);
    const back = new ExpectationRegister();
    decodeKernelExpectation(back, w.bytes, 20, w.length);
    expect([back.has(HasX.id), r.has(HasX.id)]).toEqual([false, true]);
  });

  it("is deleted by its tuple; only a flush names none", () => {
    const w = new MessageWriter(1024);
    deleteExpectation(w, read(VECTORS["a passive FTP transfer"]), 1);
    expect(header(w)).toEqual([0x202, 0x001, 2, 72]);
    w.reset();
    flushExpectations(w, 1, true);
    expect(header(w)).toEqual([0x202, 0x005, 0, 20]);
    w.reset();
    dumpExpectations(w, 10, 1);
    expect(header(w)).toEqual([0x201, 0x301, 10, 20]);
  });
});

describe("an expectation as text", () => {
  const TUPLES =
    "src=10.1.0.2 dst=10.2.0.2 sport=0 dport=41739 mask-src=255.255.255.255 mask-dst=255.255.255.255 sport=0 dport=65535 master-src=10.1.0.2 master-dst=10.2.0.2 sport=41020 dport=21";

  it("is the reference's line", () => {
    const r = read(VECTORS["a passive FTP transfer"]);
    expect(expectationText(r)).toBe(`proto=6 ${TUPLES} class=0 helper=ftp`);
    expect(expectationText(r, { timeout: true })).toBe(`300 proto=6 ${TUPLES} class=0 helper=ftp`);
    r.words[X.flags] = 7;
    r.words[X.zone] = 9;
    r.words[X.has]! |= HasX.zone;
    expect(expectationText(r)).toBe(
      `proto=6 ${TUPLES} zone=9 PERMANENT,INACTIVE,USERSPACE class=0 helper=ftp`,
    );
  });

  it("is the reference's element", () => {
    const r = read(VECTORS["a passive FTP transfer"]);
    r.words[X.flags] = 1;
    expect(expectationXml(r, { timeout: true, type: "new" })).toBe(
      '<flow type="new"><layer3 protonum="2" protoname="ipv4"><expected><src>10.1.0.2</src><dst>10.2.0.2</dst></expected><mask><src>255.255.255.255</src><dst>255.255.255.255</dst></mask><master><src>10.1.0.2</src><dst>10.2.0.2</dst></master></layer3><layer4 protonum="6" protoname="tcp"><expected><sport>0</sport><dport>41739</dport></expected><mask><sport>0</sport><dport>65535</dport></mask><master><sport>41020</sport><dport>21</dport></master></layer4><meta><helper-name>ftp</helper-name><timeout>300</timeout><class>0</class><permanent/></meta></flow>',
    );
    expect(expectationXml(r)).not.toContain("timeout");
  });

  it("never breaks out of its line, whatever a peer calls its helper", () => {
    const hex = VECTORS["a passive FTP transfer"].replace("66747000", "0a1b3c00");
    expect(expectationText(read(hex))).toContain("helper=??<");
    expect(expectationXml(read(hex))).toContain("<helper-name>??&lt;</helper-name>");
  });
});
