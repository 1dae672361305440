/**
 * What keys do to the screen: a state, a key, and the next state. It draws nothing.
 *
 * Described in: doc/conntrack.md, "Top".
 */
import { SORTS, type Sort, VIEWS, type View } from "./look.ts";

export interface ScreenState {
  readonly view: View;
  readonly sort: Sort;
  readonly filter: string;
  /** Letters go into the filter. */
  readonly isTyping: boolean;
  readonly isPaused: boolean;
  readonly isOver: boolean;
}

/** A key as it is pressed: a character, or one with a name. */
export interface Key {
  readonly tab?: boolean;
  readonly return?: boolean;
  readonly escape?: boolean;
  readonly backspace?: boolean;
  readonly delete?: boolean;
  readonly ctrl?: boolean;
  readonly meta?: boolean;
}

const MAX_FILTER = 200;

export function pressed(state: ScreenState, input: string, key: Key): ScreenState {
  // Fast fingers and pastes come as one.
  if (input.length > 1) {
    return [...input].reduce((before, each) => pressed(before, each, key), state);
  }
  if (key.ctrl === true && input === "c") return { ...state, isOver: true };
  if (state.isTyping) return typed(state, input, key);
  if (key.tab === true) return withView(state, next(VIEWS, state.view));
  if (key.escape === true) return { ...state, filter: "" };
  switch (input) {
    case "q":
      return { ...state, isOver: true };
    case "/":
      return { ...state, isTyping: true };
    case "s":
      return { ...state, sort: next(sortsOf(state.view), state.sort) };
    case "p":
      return { ...state, isPaused: !state.isPaused };
    default:
      return state;
  }
}

function typed(state: ScreenState, input: string, key: Key): ScreenState {
  if (key.return === true) return { ...state, isTyping: false };
  if (key.escape === true) return { ...state, isTyping: false, filter: "" };
  if (key.backspace === true || key.delete === true) {
    return { ...state, filter: state.filter.slice(0, -1) };
  }
  if (key.ctrl === true || key.meta === true || key.tab === true) return state;
  const letters = input.replace(/[^\x20-\x7e]/g, "");
  return { ...state, filter: (state.filter + letters).slice(0, MAX_FILTER) };
}

/** A flow is one flow: to sort flows by their number means nothing. */
export function sortsOf(view: View): readonly Sort[] {
  return view === "flows" ? SORTS.filter((sort) => sort !== "flows") : SORTS;
}

function withView(state: ScreenState, view: View): ScreenState {
  const sorts = sortsOf(view);
  return { ...state, view, sort: sorts.includes(state.sort) ? state.sort : sorts[0]! };
}

function next<T>(all: readonly T[], one: T): T {
  return all[(all.indexOf(one) + 1) % all.length]!;
}
