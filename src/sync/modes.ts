/** The three modes: which protocol a configuration speaks, with the clauses that are its own. */
import { seededRandom } from "../kit/random.ts";
import { Alarm } from "./alarm.ts";
import { Ftfw, type FtfwOptions } from "./ftfw.ts";
import { Notrack } from "./notrack.ts";
import type { Protocol, ProtocolEvents } from "./protocol.ts";
import type { Transmitter } from "./transmitter.ts";

export type Mode =
  | ({ readonly kind: "ftfw" } & FtfwOptions)
  | {
      readonly kind: "alarm";
      /** `RefreshTime` and `CacheTimeout`, in seconds. */
      readonly refreshTime: number;
      readonly cacheTimeout: number;
    }
  | {
      readonly kind: "notrack";
      /** False: `DisableInternalCache`. */
      readonly internalCache: boolean;
    };

export interface ProtocolParts {
  readonly transmitter: Transmitter;
  readonly events: ProtocolEvents;
  /** For what is to happen at random. */
  readonly seed: number;
  /** Milliseconds. */
  readonly now: number;
}

export function createProtocol(mode: Mode, parts: ProtocolParts): Protocol {
  const { transmitter, events, seed, now } = parts;
  switch (mode.kind) {
    case "ftfw":
      return new Ftfw(transmitter, mode, events, now);
    case "alarm": {
      const options = { refreshTime: mode.refreshTime, random: seededRandom(seed) };
      return new Alarm(transmitter, options, events, now);
    }
    case "notrack":
      return new Notrack(transmitter, events, now);
  }
}
