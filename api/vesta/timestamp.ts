import type { TimestampFormat } from "./settings/vesta-settings.ts";

/** Turns an instant, in ms since 1970, into the text that people see. */
export type FormatTime = (timeMs: number) => string;

/** What stands in place of a time where nothing was ever received (V-31, V-39). */
export const NO_ENTRY = "no entry received.";

const MINUTE_MS = 60_000;
/** Prefixes that are remembered: rows of a history share their minutes, of different hosts too. */
const MOST_MINUTES = 1_000;

/** Times in the order of `format` by the clocks of a time zone (V-34): `11/23/2018 20:45:14`. */
export function timeFormatter(format: TimestampFormat, timeZone: string): FormatTime {
  const clock = new Intl.DateTimeFormat("en-US", {
    timeZone,
    calendar: "gregory",
    numberingSystem: "latn",
    hourCycle: "h23",
    ...{ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" },
  });
  const minutes = new Map<number, string>();
  // The clocks of all zones are apart by whole minutes, so a second is the same everywhere.
  const minuteText = (minute: number): string => {
    const known = minutes.get(minute);
    if (known !== undefined) return known;
    const parts = new Map(clock.formatToParts(minute * MINUTE_MS).map(({ type, value }) => [type, value]));
    const part = (type: Intl.DateTimeFormatPartTypes, length = 2): string =>
      (parts.get(type) ?? "").padStart(length, "0");
    const date = dateText(format, part("year", 4), part("month"), part("day"));
    const text = `${date} ${part("hour")}:${part("minute")}`;
    if (minutes.size >= MOST_MINUTES) minutes.clear();
    minutes.set(minute, text);
    return text;
  };
  return (timeMs) => {
    const minute = Math.floor(timeMs / MINUTE_MS);
    const second = Math.floor((timeMs - minute * MINUTE_MS) / 1000);
    return `${minuteText(minute)}:${String(second).padStart(2, "0")}`;
  };
}

function dateText(format: TimestampFormat, year: string, month: string, day: string): string {
  switch (format) {
    case "YMD":
      return `${year}/${month}/${day}`;
    case "MDY":
      return `${month}/${day}/${year}`;
    case "DMY":
      return `${day}/${month}/${year}`;
  }
}
