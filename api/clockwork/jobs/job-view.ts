import type { JobRow } from "../../../store/job-records.ts";
import { JsonText } from "../json-text.ts";
import { boolean, type Parameters, text } from "../query.ts";
import type { IsoTime } from "./iso-time.ts";

/** What a request wants to see of jobs beyond the usual (C-38). */
export interface JobView {
  isoTimes: boolean;
  userProps: boolean;
}

/** Reads the parameters of C-38. */
export function jobView(parameters: Parameters): JobView {
  return {
    isoTimes: text(parameters, "time_format") === "iso",
    userProps: boolean(parameters, "want_user_props"),
  };
}

const TIMES = ["submit_time", "start_time", "end_time"] as const;

/**
 * A job as it is shown (C-76): `slurm`, `cw` and `user` as they are stored. `isoTime`: print times so (C-38). `props`: JSON text of the caller's own
 * properties, shown unless they are empty.
 */
export function jobOf(row: JobRow, isoTime: IsoTime | undefined, props: string | undefined): Record<string, unknown> {
  return {
    slurm: isoTime === undefined ? new JsonText(row.slurm) : withIsoTimes(row.slurm, isoTime),
    cw: new JsonText(row.cw),
    user: new JsonText(row.user),
    ...(props === undefined || props === "{}" ? {} : { job_user_props: new JsonText(props) }),
  };
}

function withIsoTimes(slurm: string, isoTime: IsoTime): Record<string, unknown> {
  const fields = JSON.parse(slurm) as Record<string, unknown>;
  for (const key of TIMES) {
    const time = fields[key];
    fields[key] = typeof time === "number" ? isoTime(time) : "Unknown";
  }
  return fields;
}
