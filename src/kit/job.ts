/** Long work that proceeds in bounded pieces between the turns of the loop. */

export interface Job {
  /** Do a piece; false when it was the last. `now` in milliseconds. */
  step(now: number): boolean;
}
