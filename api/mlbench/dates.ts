/**
 * A moment to the microsecond, UTC, always with six fractional digits: `2026-01-01T00:00:00.000000Z`, years 0001 to 9999 (style (a) of M-12). Such texts sort as
 * the moments do, and a number would not hold all of them exactly.
 */
export type Moment = string;

/** Before everything that is measured: where reading begins if nothing else is said (M-22). */
export const EPOCH: Moment = "1970-01-01T00:00:00.000000Z";

const INCOMING =
  /^((?!0000)\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[T ]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(\d{1,9}))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))?$/;
const OF_A_YEAR = /^(?!0000)\d{4}-/;

/**
 * Reads a date as it comes in (M-13): ISO 8601 with `T` or a blank, a fraction of one to nine digits that is cut to microseconds, and `Z`, an offset, or
 * neither, which means UTC. Undefined for anything else, days that no month has and years that have not four digits.
 */
export function momentOf(text: string): Moment | undefined {
  const [, year = "", month = "", day = "", time = "", fraction = "", sign, hours, minutes] = INCOMING.exec(text) ?? [];
  if (year === "" || Number(day) > daysOf(Number(year), Number(month))) return undefined;
  const microseconds = `.${fraction.slice(0, 6).padEnd(6, "0")}Z`;
  const local = `${year}-${month}-${day}T${time}`;
  if (sign === undefined) return local + microseconds;
  const offset = Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes));
  const utc = new Date(Date.parse(`${local}Z`) - offset * 60_000).toISOString();
  return OF_A_YEAR.test(utc) ? utc.slice(0, 19) + microseconds : undefined;
}

function daysOf(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** A moment of a clock that counts milliseconds. */
export function momentAt(milliseconds: number): Moment {
  return `${new Date(milliseconds).toISOString().slice(0, 23)}000Z`;
}

/** Style (b) of M-12: the fraction is left out if it is zero. */
export function shortDate(moment: Moment): string {
  return moment.endsWith(".000000Z") ? `${moment.slice(0, 19)}Z` : moment;
}

/** The style of downloads (M-28): the fraction cut to three digits, left out if all six are zero. */
export function downloadDate(moment: Moment): string {
  return moment.endsWith(".000000Z") ? `${moment.slice(0, 19)}Z` : `${moment.slice(0, 23)}Z`;
}
