import { type Html, html } from "../../../docs/html.ts";
import type { GpuData } from "../../hosts/host.ts";

/** Slices have so many colours, which then come again. */
const COLOURS = 8;
/** As many slices are told apart; further processes share one. */
const MOST_SLICES = 24;

/** A part of a GPU's memory. */
export interface Slice {
  label: string;
  mebibytes: number;
  /** Class of its colour. */
  colour: string;
}

/** Class of the colour of a GPU's n-th process, in the pie and in the table beside it. */
export function colourOf(process: number): string {
  return `slice-${process % COLOURS}`;
}

/** The parts of a GPU's memory: one for each process, what is used by nobody known, and what is available (V-47). */
export function memorySlices({ processes, used_memory: used, available_memory: available }: GpuData): Slice[] {
  const shown = processes.slice(0, MOST_SLICES);
  const slices: Slice[] = shown.map(({ name, used_memory: mebibytes }, index) => ({
    label: name,
    mebibytes,
    colour: colourOf(index),
  }));
  const known = slices.reduce((sum, { mebibytes }) => sum + Math.max(0, mebibytes), 0);
  if (used > known) slices.push({ label: "Other", mebibytes: used - known, colour: "slice-other" });
  slices.push({ label: "Available", mebibytes: available, colour: "slice-available" });
  return slices.filter(({ mebibytes }) => mebibytes > 0);
}

/** The memory pie of a GPU. */
export function memoryPie(gpu: GpuData): Html {
  const slices = memorySlices(gpu);
  const total = slices.reduce((sum, { mebibytes }) => sum + mebibytes, 0);
  let from = 0;
  const circles = slices.map(({ label, mebibytes, colour }) => {
    const share = (mebibytes / total) * 100;
    // The stroke is as wide as the circle's radius twice over, so a dash of it is a sector.
    const circle = html`<circle class="${colour}" r="8" cx="16" cy="16" pathLength="100" stroke-dasharray="${short(share)} 100" stroke-dashoffset="${short(-from)}"><title>${label} ${mebibytes} MiB</title></circle>`;
    from += share;
    return circle;
  });
  const said = slices.map(({ label, mebibytes }) => `${label} ${mebibytes} MiB`).join(", ");
  return html`<svg class="pie" viewBox="0 0 32 32" role="img" aria-label="memory: ${said || "unknown"}">${circles}</svg>`;
}

function short(value: number): number {
  return Math.round(value * 100) / 100;
}
