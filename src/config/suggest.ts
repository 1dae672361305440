/** Did you mean: which of several words somebody probably wanted to write. */

/** Words that other programs use for a switch. */
const switches: Readonly<Record<string, string>> = {
  true: "on",
  enable: "on",
  enabled: "on",
  "1": "on",
  false: "off",
  disable: "off",
  disabled: "off",
  none: "off",
  "0": "off",
};
const maxLength = 64;

/** Letters inserted, removed, replaced, or exchanged with their neighbour. */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (isSame ? 0 : 1));
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwapped) cost = Math.min(cost, before[j - 2]! + 1);
      row.push(cost);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}

/** `IPv4_Dest_Address`: its letters in their order, with others left out, and more than half of them. */
function shortens(word: string, long: string): boolean {
  if (word.length < 4 || word.length >= long.length || word.length * 2 < long.length) return false;
  let at = 0;
  for (const letter of long) if (letter === word[at]) at++;
  return at === word.length;
}

/** The likeliest first, three at most; empty when nothing is near. Letter case counts little. */
export function nearest(word: string, candidates: Iterable<string>): string[] {
  if (word === "" || word.length > maxLength) return [];
  const known = new Set(candidates);
  const meant = switches[word.toLowerCase()];
  if (meant !== undefined && known.has(meant)) return [meant];
  const plain = (text: string) => text.toLowerCase().replace(/[_-]/g, "");
  const [wanted, limit] = [plain(word), Math.max(1, Math.floor(word.length / 4))];
  const long = [...known].filter((candidate) => shortens(wanted, plain(candidate)));
  if (long.length === 1) return long;
  const near = [...known]
    .map((candidate) => ({ candidate, far: distance(wanted, plain(candidate)) }))
    .filter(({ far, candidate }) => far <= limit && far < candidate.length);
  const best = Math.min(...near.map(({ far }) => far));
  return near
    .filter(({ far }) => far === best)
    .map(({ candidate }) => candidate)
    .slice(0, 3);
}
