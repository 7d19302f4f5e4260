/** Prints whole unix seconds as ISO 8601 with the offset of a zone: `2020-02-04T03:22:55-05:00` (C-38). */
export type IsoTime = (seconds: number) => string;

/** What prints times of a zone, which Intl must know. */
export function isoTimeIn(timeZone: string): IsoTime {
  const offsets = new Intl.DateTimeFormat("en-US", { timeZone, timeZoneName: "longOffset" });
  return (seconds) => {
    const offset = offsetSeconds(offsets, seconds);
    const local = new Date((seconds + offset) * 1000).toISOString().slice(0, "2020-02-04T03:22:55".length);
    const minutes = Math.abs(Math.round(offset / 60));
    const [hours, rest] = [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, "0"));
    return `${local}${offset < 0 ? "-" : "+"}${hours}:${rest}`;
  };
}

/** How far a zone is ahead of UTC at that time. */
function offsetSeconds(offsets: Intl.DateTimeFormat, seconds: number): number {
  const name = offsets.formatToParts(seconds * 1000).find(({ type }) => type === "timeZoneName")?.value ?? "GMT";
  const [, sign, hours, minutes, rest = "0"] = /^GMT([+-])(\d{2}):(\d{2})(?::(\d{2}))?$/.exec(name) ?? [];
  const size = Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(rest);
  return sign === "-" ? -size : size;
}
