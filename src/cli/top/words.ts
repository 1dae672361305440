/** Numbers as a screen shows them: three digits that count, and a unit. */

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;
const RATES = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"] as const;
const COUNTS = ["", "k", "M", "G", "T"] as const;

function scaled(value: number, step: number, units: readonly string[]): string {
  let rest = value;
  let unit = 0;
  while (rest >= step && unit < units.length - 1) {
    rest /= step;
    unit += 1;
  }
  const digits = unit === 0 || rest >= 100 ? 0 : rest >= 10 ? 1 : 2;
  return `${rest.toFixed(digits)} ${units[unit]}`.trimEnd();
}

export const sizeText = (bytes: number) => scaled(bytes, 1024, SIZES);
export const rateText = (bytesASecond: number) => scaled(bytesASecond * 8, 1000, RATES);
export const countText = (count: number) => scaled(count, 1000, COUNTS);

/** `12345678` as `12,345,678`. */
export const groupedText = (count: number) => `${count}`.replace(/\B(?=(\d{3})+$)/g, ",");

/** Cut to a width, with a mark where something is missing. */
export function cut(text: string, width: number): string {
  if (text.length <= width) return text.padEnd(width);
  return width <= 1 ? text.slice(0, Math.max(0, width)) : `${text.slice(0, width - 1)}…`;
}
