/**
 * Which of several dedicated links a node sends on. It hears its peer on all of them.
 *
 * Pure: states and indexes in, an index out. Nothing here knows a socket or an interface.
 *
 * Described in: doc/sync/machines.md, "Dedicated links".
 */

/** What the kernel says of a link's interface. */
export interface LinkState {
  /** An operator has not taken it down. */
  readonly isUp: boolean;
  /** There is a carrier: a cable, and a peer behind it that is switched on. */
  readonly isRunning: boolean;
}

/** Neither up nor running: where nothing is known of an interface, or it has gone. */
export const GONE: LinkState = { isUp: false, isRunning: false };

export function isUsable({ isUp, isRunning }: LinkState): boolean {
  return isUp && isRunning;
}

/** Better states have greater ranks. */
function rank(state: LinkState | undefined): number {
  if (state === undefined) return 0;
  return isUsable(state) ? 2 : state.isUp ? 1 : 0;
}

/**
 * The state of an interface has changed: the link to send on. The current one stays while it is usable;
 * otherwise the first that is usable takes over, and where none is, the first that is better than the
 * current one.
 */
export function afterNews(states: readonly LinkState[], current: number): number {
  const own = rank(states[current]);
  if (own === 2) return current;
  const usable = states.findIndex(isUsable);
  if (usable >= 0) return usable;
  const better = states.findIndex((state) => rank(state) > own);
  return better >= 0 ? better : current;
}

/**
 * A message was accepted on link `from`: the peer sends there, so both ends meet on one link. What was
 * under way on a link that has just been cut does not lead back to it.
 */
export function afterMessage(states: readonly LinkState[], current: number, from: number): number {
  return rank(states[from]) >= rank(states[current]) ? from : current;
}
