import { type Html, html } from "../../../docs/html.ts";

/** A figure over all GPUs of a host. */
export interface Gauge {
  /** Also a class: it gives the colour. */
  name: "memory" | "volatile" | "temperature";
  unit: "%" | "°C";
  values: readonly number[];
}

/** Half a circle; its length counts as 100, so that a value is the length of its stroke. */
const ARC = "M10 52a40 40 0 0 1 80 0";
const FULL = 100;
const MOST_WRITTEN = 9_999;

/** A gauge that shows the highest value by its arc and as a number, and the lowest by a darker arc and as a number (V-46). Without values there are dashes. */
export function gaugeView({ name, unit, values }: Gauge): Html {
  const highest = values.length === 0 ? undefined : Math.max(...values);
  const lowest = values.length === 0 ? undefined : Math.min(...values);
  const said =
    highest === undefined ? `${name}: unknown` : `${name}: max ${highest} ${unit}, min ${lowest ?? highest} ${unit}`;
  return html`<svg class="gauge ${name}" viewBox="0 0 100 76" role="img" aria-label="${said}"><path class="track" d="${ARC}" pathLength="100"/><path class="high" d="${ARC}" pathLength="100" stroke-dasharray="${arc(highest)} 200"/><path class="low" d="${ARC}" pathLength="100" stroke-dasharray="${arc(lowest)} 200"/><text class="max" x="50" y="51">${short(highest)}<tspan class="unit" dx="1">${unit}</tspan></text><text class="name" x="50" y="63">${name}</text><text class="min" x="50" y="74">min ${short(lowest)}</text></svg>`;
}

/** Length of the stroke of a value. An empty one still draws its ends, so it is put before the path's beginning. */
function arc(value: number | undefined): number {
  return Math.min(FULL, Math.max(0, value ?? 0));
}

/** A figure that has room in the gauge, whatever a machine has sent; the label has all of it. */
function short(value: number | undefined): string {
  if (value === undefined) return "–";
  return Math.abs(value) > MOST_WRITTEN ? value.toExponential(0) : String(value);
}
