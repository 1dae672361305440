/**
 * How long a turn of the loop may take. Work that takes longer goes on in the next one: everybody else waits for one or
 * two turns, whatever there is to do.
 */
export const TURN_MICROSECONDS = 1000;
