/** A clock on the wall that only one program goes by: nobody else's is touched. */
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runOk } from "../../lab/netns.ts";

const source = fileURLToPath(new URL("wall-clock.cc", import.meta.url));
const BYTES = 8;

export class WallClock {
  /** A program that is started with these goes by this clock. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #path: string;

  private constructor(path: string, library: string) {
    this.environment = { LD_PRELOAD: library, WALL_CLOCK: path };
    this.#path = path;
    writeFileSync(path, Buffer.alloc(BYTES));
  }

  /** `dir`: a folder that the clock's files go into. */
  static async make(dir: string): Promise<WallClock> {
    const library = join(dir, "wall-clock.so");
    await runOk(["g++", "-O1", "-fPIC", "-shared", "-std=c++17", "-o", library, source]);
    return new WallClock(join(dir, "wall-clock"), library);
  }

  /** From now on it is so many hours later, or earlier, than on the machine's own clock. */
  set(hours: number): void {
    const bytes = Buffer.alloc(BYTES);
    bytes.writeBigInt64LE(BigInt(hours * 3600));
    // In place: the program has the file in its memory.
    const file = openSync(this.#path, "r+");
    writeSync(file, bytes, 0, BYTES, 0);
    closeSync(file);
  }
}
