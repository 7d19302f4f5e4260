import { MAX_MESSAGE } from "../../crds/limits.ts";

/** A message on one line, cut to what a record may hold. */
export function bounded(text: string, max: number = MAX_MESSAGE): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= max ? line : `${line.slice(0, max - 1)}…`;
}

/** A length of time for people: `0.4s`, `12s`, `3m20s`, `2h05m`. */
export function duration(fromIso: string, toIso: string): string {
  const seconds = Math.max(0, (Date.parse(toIso) - Date.parse(fromIso)) / 1000);
  if (!Number.isFinite(seconds)) return "an unknown time";
  if (seconds < 60) return `${Math.round(seconds)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${String(Math.floor(seconds % 60)).padStart(2, "0")}s`;
  return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, "0")}m`;
}
