// One chart of a GPU's past, drawn with uPlot.

import uPlot from "./uPlot.esm.js";

const HEIGHT = 180;
/** What is drawn. Lines differ by their dashes too, not by colour alone. */
const LINES = [
  { name: "utilisation", label: "utilisation", unit: "%", scale: "y", colour: "--volatile", dash: [] },
  { name: "memory", label: "memory", unit: "%", scale: "y", colour: "--memory", dash: [6, 3] },
  { name: "temperature", label: "temperature", unit: "°C", scale: "y", colour: "--temperature", dash: [2, 3] },
  { name: "power", label: "power", unit: "W", scale: "w", colour: "--power", dash: [10, 3, 2, 3] },
];

const clock = uPlot.fmtDate("{YYYY}-{MM}-{DD} {HH}:{mm}");

/** Draws the figures of a GPU into an element. Times are in seconds; figures that it never had are left out. */
export function makePlot(place, { times, figures, timeZone }) {
  const lines = LINES.filter(({ name }) => figures[name].some((value) => value !== null));
  const style = getComputedStyle(place);
  const colour = (name) => style.getPropertyValue(name).trim();
  const font = `12px ${style.fontFamily}`;
  const axis = {
    stroke: colour("--soft"),
    font,
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1 },
  };
  const options = {
    width: place.clientWidth,
    height: HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), timeZone),
    scales: {
      y: { range: (_plot, _low, high) => [0, Math.max(100, high ?? 100)] },
      w: { range: (_plot, _low, high) => [0, Math.max(50, (high ?? 0) * 1.1)] },
    },
    axes: [
      {
        ...axis,
        values: [
          [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
          [3600, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
          [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
          [1, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
        ],
      },
      { ...axis, size: 52, values: (_plot, values) => values.map((value) => `${value} %`) },
      ...(lines.some(({ scale }) => scale === "w")
        ? [
            {
              ...axis,
              scale: "w",
              side: 1,
              size: 56,
              grid: { show: false },
              values: (_plot, values) => values.map((value) => `${value} W`),
            },
          ]
        : []),
    ],
    series: [
      {
        label: "time",
        value: (plot, value) => clock(uPlot.tzDate(new Date((value ?? plot.data[0].at(-1)) * 1000), timeZone)),
      },
      ...lines.map(({ label, unit, scale, colour: name, dash }) => ({
        label,
        scale,
        dash,
        width: 1.75,
        stroke: colour(name),
        points: { show: times.length < 3 },
        value: (plot, value, series, at) =>
          said(at === null || at === undefined ? plot.data[series].at(-1) : value, unit),
      })),
    ],
  };
  const dataOf = (all, values) => [all, ...lines.map(({ name }) => values[name])];
  const plot = new uPlot(options, dataOf(times, figures), place);
  plot.root.querySelector("canvas").setAttribute("aria-hidden", "true");
  let ends = endsOf(times);
  return {
    show(all, values) {
      const { min, max } = plot.scales.x;
      const isWhole = min <= ends.first && max >= ends.last;
      ends = endsOf(all);
      plot.setData(dataOf(all, values), isWhole);
      // The reader has pulled a part of it out, and goes on to look at that.
      if (!isWhole) plot.redraw();
    },
    fit: () => place.clientWidth > 0 && plot.setSize({ width: place.clientWidth, height: HEIGHT }),
    destroy: () => plot.destroy(),
  };
}

/** The first and the last time: the list itself changes. */
function endsOf(times) {
  return { first: times[0] ?? Number.POSITIVE_INFINITY, last: times.at(-1) ?? Number.NEGATIVE_INFINITY };
}

/** A value of the legend; where nothing is pointed at it is the last. */
function said(value, unit) {
  return value === null || value === undefined ? "–" : `${value} ${unit}`;
}

/** The same in words, for those who do not see it. `newest` is what the newest figures are called. */
export function describe(figures, newest) {
  const parts = LINES.flatMap(({ name, label, unit }) => {
    const values = figures[name].filter((value) => value !== null);
    if (values.length === 0) return [];
    return [`${label} ${newest} ${values.at(-1)} ${unit}, from ${Math.min(...values)} to ${Math.max(...values)}`];
  });
  return `Over time: ${parts.join("; ")}`;
}
