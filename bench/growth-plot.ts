/**
 * The growth of costs as a picture: CPU of an event over the size of the table, on a logarithmic scale.
 */
import { median } from "./measure.ts";
import type { Results } from "./report.ts";
import { type GrowthNode, growthNodes, growthRow, growthSizes } from "./rows.ts";

const WIDTH = 640;
const HEIGHT = 360;
const MARGIN = { left: 56, right: 176, top: 24, bottom: 48 };
const LINES = 5;
/** Numbers and words do not touch what they name. */
const GAP = 8;

const kinds = {
  reference: { name: "C", color: "#b3541e" },
  ours: { name: "Flowkeeper", color: "#1f5fa8" },
} as const;
const dashes: Readonly<Record<GrowthNode, string>> = { active: "none", backup: "5 4" };

interface Series {
  readonly text: string;
  readonly color: string;
  readonly dash: string;
  readonly points: readonly (readonly [size: number, microseconds: number])[];
}

/** Undefined where growth has not been measured. */
export function growthPlot(results: Results): string | undefined {
  const all = seriesOf(results);
  if (all.length === 0) return undefined;
  const highest = Math.max(...all.flatMap(({ points }) => points.map(([, cost]) => cost)));
  const step = niceStep(highest / LINES);
  const top = Math.ceil(highest / step) * step;
  const [first, last] = [Math.log(growthSizes[0]), Math.log(growthSizes.at(-1) ?? 1)];
  const x = (size: number) =>
    MARGIN.left +
    ((Math.log(size) - first) / (last - first)) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (cost: number) =>
    HEIGHT - MARGIN.bottom - (cost / top) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const end = WIDTH - MARGIN.right;
  const grid = Array.from({ length: Math.round(top / step) + 1 }, (_, i) => i * step).flatMap(
    (cost) => [
      `<path d="M${MARGIN.left} ${round(y(cost))}H${end}" stroke="#ddd"/>`,
      label(MARGIN.left - GAP, y(cost) + 4, String(round(cost)), "end"),
    ],
  );
  const sizes = growthSizes.map((size) =>
    label(x(size), HEIGHT - MARGIN.bottom + 20, size.toLocaleString("en-US"), "middle"),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    "<title>CPU of an event over the size of the table</title>",
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...grid,
    ...sizes,
    label(MARGIN.left, MARGIN.top - GAP, "µs CPU of an event", "start"),
    label(end, HEIGHT - GAP, "flows in the table", "end"),
    ...spread(all, y).flatMap(({ series, at }) => [
      line(series, x, y),
      label(end + GAP, at + 4, series.text, "start", series.color),
    ]),
    "</svg>",
    "",
  ].join("\n");
}

function seriesOf(results: Results): Series[] {
  const found = (["reference", "ours"] as const).flatMap((kind) =>
    growthNodes.map((node) => ({
      text: `${kinds[kind].name}, ${node} node`,
      color: kinds[kind].color,
      dash: dashes[node],
      points: growthSizes.flatMap((size) => {
        const samples = results[kind].get(growthRow(node, size));
        return samples === undefined ? [] : [[size, median(samples)] as const];
      }),
    })),
  );
  return found.filter(({ points }) => points.length > 0);
}

/** Where each line's name stands: at its end, but never on another name. */
function spread(all: readonly Series[], y: (cost: number) => number) {
  const height = 16;
  let lowest = Number.NEGATIVE_INFINITY;
  const ends = all.map((series) => ({ series, at: y(series.points.at(-1)?.[1] ?? 0) }));
  return ends
    .toSorted((one, other) => one.at - other.at)
    .map(({ series, at }) => {
      lowest = Math.max(at, lowest + height);
      return { series, at: lowest };
    });
}

function line(
  { points, color, dash }: Series,
  x: (size: number) => number,
  y: (cost: number) => number,
): string {
  const path = points.map(([size, cost]) => `${round(x(size))} ${round(y(cost))}`).join("L");
  return `<path d="M${path}" fill="none" stroke="${color}" stroke-width="2" stroke-dasharray="${dash}"/>`;
}

function label(x: number, y: number, text: string, anchor: string, color = "#333"): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${color}">${text}</text>`;
}

/** 1, 2 or 5 times a power of ten, not less than `least`. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
