/** Times as the C library's `ctime` writes them: local, English, whatever the locale. */

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** `Mon Nov  3 12:33:37 2026`. */
export function ctime(time: Date): string {
  return `${DAYS[time.getDay()]} ${monthToSecond(time)} ${time.getFullYear()}`;
}

/** `Nov  3 12:33:37`: the shape that syslog wants. */
export function monthToSecond(time: Date): string {
  const day = `${time.getDate()}`.padStart(2);
  return `${MONTHS[time.getMonth()]} ${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

function two(value: number): string {
  return `${value}`.padStart(2, "0");
}
