/** One line of a plot: points in the units of the axes. */
export interface Series {
  name: string;
  points: readonly { x: number; y: number }[];
}

/** One bar. */
export interface Bar {
  name: string;
  value: number;
}

const WIDTH = 720;
const HEIGHT = 360;
const MARGIN = { left: 70, right: 20, top: 54, bottom: 50 };
const COLOURS = ["#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#bf3989", "#57606a", "#0a7ea4"];
const TICKS = 5;
const MOST_POINTS = 600;

/** A bar chart as an SVG document. */
export function barChart(title: string, unit: string, bars: readonly Bar[]): string {
  const top = niceTop(Math.max(...bars.map(({ value }) => value), 0));
  const width = plotWidth() / Math.max(1, bars.length);
  const drawn = bars.map(({ name, value }, index) => {
    const height = (plotHeight() * value) / top;
    const x = MARGIN.left + index * width + width * 0.15;
    const y = MARGIN.top + plotHeight() - height;
    const middle = (x + width * 0.35).toFixed(1);
    return [
      `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${(width * 0.7).toFixed(1)}" height="${height.toFixed(1)}" fill="${colour(index)}"/>`,
      label(middle, (y - 6).toFixed(1), shortNumber(value), "middle"),
      label(middle, String(MARGIN.top + plotHeight() + 18), name, "middle"),
    ].join("\n");
  });
  return document(title, [...horizontalLines(top, unit), ...drawn]);
}

/** Lines over two axes as an SVG document. `logarithmic` is for the x axis; points at 0 or below are left out then. */
export function lineChart(
  title: string,
  axes: { x: string; y: string; logarithmic?: boolean },
  series: readonly Series[],
): string {
  const log = axes.logarithmic === true;
  const kept = series.map(({ name, points }) => ({
    name,
    points: thinned(log ? points.filter(({ x }) => x > 0) : points),
  }));
  const xs = kept.flatMap(({ points }) => points.map(({ x }) => x));
  const ys = kept.flatMap(({ points }) => points.map(({ y }) => y));
  const top = niceTop(Math.max(...ys, 0));
  const scale = log ? logScale(Math.min(...xs, 1), Math.max(...xs, 1)) : linearScale(niceTop(Math.max(...xs, 0)));
  const drawn = kept.map(({ name, points }, index) => {
    const path = points
      .map(({ x, y }) => `${scale.place(x).toFixed(1)},${(MARGIN.top + plotHeight() * (1 - y / top)).toFixed(1)}`)
      .join(" ");
    const y = MARGIN.top + 14 + index * 16;
    return [
      `<polyline points="${path}" fill="none" stroke="${colour(index)}" stroke-width="1.8"/>`,
      `<rect x="${MARGIN.left + 12}" y="${y - 8}" width="10" height="10" fill="${colour(index)}"/>`,
      label(String(MARGIN.left + 28), String(y + 1), name, "start"),
    ].join("\n");
  });
  const ticks = scale.ticks.map((tick) =>
    label(scale.place(tick).toFixed(1), String(MARGIN.top + plotHeight() + 18), shortNumber(tick), "middle"),
  );
  const xTitle = label(String(MARGIN.left + plotWidth() / 2), String(HEIGHT - 10), axes.x, "middle");
  return document(title, [...horizontalLines(top, axes.y), ...ticks, xTitle, ...drawn]);
}

/** The points of the cumulative distribution of some values: for each value the share of values that are not above it, in percent. */
export function cumulative(values: readonly number[]): { x: number; y: number }[] {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.map((x, index) => ({ x, y: (100 * (index + 1)) / sorted.length }));
}

interface Scale {
  place(x: number): number;
  ticks: number[];
}

function linearScale(top: number): Scale {
  return {
    place: (x) => MARGIN.left + (plotWidth() * x) / top,
    ticks: Array.from({ length: TICKS + 1 }, (_, i) => (top * i) / TICKS),
  };
}

function logScale(least: number, most: number): Scale {
  const from = Math.floor(Math.log10(least));
  const to = Math.max(from + 1, Math.ceil(Math.log10(most)));
  return {
    place: (x) => MARGIN.left + (plotWidth() * (Math.log10(x) - from)) / (to - from),
    ticks: Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i)),
  };
}

function horizontalLines(top: number, unit: string): string[] {
  const lines = Array.from({ length: TICKS + 1 }, (_, i) => {
    const y = MARGIN.top + plotHeight() * (1 - i / TICKS);
    return `<line x1="${MARGIN.left}" y1="${y}" x2="${WIDTH - MARGIN.right}" y2="${y}" stroke="#8c959f" stroke-opacity="0.35"/>
${label(String(MARGIN.left - 8), String(y + 4), shortNumber((top * i) / TICKS), "end")}`;
  });
  return [...lines, label("12", String(MARGIN.top - 12), unit, "start")];
}

function document(title: string, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}" font-family="sans-serif" font-size="12">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>
<text x="12" y="20" font-size="14" font-weight="bold" fill="#1f2328">${escaped(title)}</text>
${parts.join("\n")}
</svg>
`;
}

function label(x: string, y: string, text: string, anchor: "start" | "middle" | "end"): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="#57606a">${escaped(text)}</text>`;
}

/** A value at or above the largest that is easy to read: 1, 2, 2.5 or 5 times a power of ten. */
function niceTop(largest: number): number {
  if (!(largest > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(largest));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * power >= largest) ?? 10;
  return step * power;
}

/** At most so many points, evenly chosen, the last one among them: a plot has only so many pixels. */
function thinned<T>(points: readonly T[]): T[] {
  if (points.length <= MOST_POINTS) return [...points];
  const step = (points.length - 1) / (MOST_POINTS - 1);
  return Array.from({ length: MOST_POINTS }, (_, i) => points[Math.round(i * step)]).filter(
    (point) => point !== undefined,
  );
}

function shortNumber(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length] ?? "#000000";
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function plotWidth(): number {
  return WIDTH - MARGIN.left - MARGIN.right;
}

function plotHeight(): number {
  return HEIGHT - MARGIN.top - MARGIN.bottom;
}
