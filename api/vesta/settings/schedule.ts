import { SettingProblem } from "../../../settings/settings.ts";

/** A report that is posted every day (V-65). */
export interface ScheduledReport {
  /** `HH:MM` by the server's time zone. */
  at: string;
  title: string;
}

const FORM = 'must be a list like [{"at": "09:00", "title": "GPUs"}]';
const MOST_REPORTS = 100;

/** Reports of a day, from JSON; throws a `SettingProblem` that names the entry which is none. */
export function scheduleValue(text: string): readonly ScheduledReport[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SettingProblem(FORM);
  }
  if (!Array.isArray(value) || value.length > MOST_REPORTS) throw new SettingProblem(FORM);
  return value.map((entry: unknown, index) => {
    const { at, title = "" } = (entry ?? {}) as { at?: unknown; title?: unknown };
    if (typeof at !== "string" || !/^([01]\d|2[0-3]):[0-5]\d$/.test(at))
      throw new SettingProblem(`${FORM}: entry ${index + 1} has no \`at\` from "00:00" to "23:59"`);
    if (typeof title !== "string" && typeof title !== "number")
      throw new SettingProblem(`${FORM}: entry ${index + 1} has no text as its title`);
    return { at, title: String(title) };
  });
}
