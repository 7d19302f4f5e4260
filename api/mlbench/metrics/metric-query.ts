import type { Context } from "koa";
import { EPOCH, type Moment, momentOf } from "../dates.ts";
import { badValue } from "../fields.ts";

/** What is read of metrics (M-22). */
export interface MetricQuery {
  since: Moment;
  /** The only metric that is wanted. */
  metric?: string;
  /** Most entries that a metric is brought down to. */
  summarize?: number;
  /** Last entries of a metric that are wanted. */
  last?: number;
}

/** Whose metrics a key names: of a pod, or of a run. */
export type MetricType = "pod" | "run";

/** The type of metric that is asked for; undefined where nothing is said. Throws a 400 for any other (M-20, M-22). */
export function metricTypeOf(ctx: Context): MetricType | undefined {
  const type = parameter(ctx, "metric_type");
  if (type === undefined || type === "pod" || type === "run") return type;
  throw badValue("metric_type", type, "neither pod nor run");
}

/** Reads the parameters; throws a 400 that names the one that is wrong. An empty one is as if it were not there. */
export function metricQueryOf(ctx: Context): MetricQuery {
  const metric = parameter(ctx, "metric_filter");
  const summarize = countOf(ctx, "summarize");
  const last = countOf(ctx, "last_n");
  return {
    since: sinceOf(ctx),
    ...(metric === undefined ? {} : { metric }),
    ...(summarize === 0 ? {} : { summarize }),
    ...(last === 0 ? {} : { last }),
  };
}

function sinceOf(ctx: Context): Moment {
  const text = parameter(ctx, "since");
  if (text === undefined) return EPOCH;
  const since = momentOf(text);
  if (since === undefined) throw badValue("since", text, "no date such as 2026-01-01T00:00:00.000000Z");
  return since;
}

/** A count; 0 means that nothing is asked for. One that is larger than any number of entries means the same as the largest that can be counted. */
function countOf(ctx: Context, name: string): number {
  const text = parameter(ctx, name);
  if (text === undefined) return 0;
  if (!/^\+?\d+$/.test(text)) throw badValue(name, text, "no whole number of 0 or more");
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
}

/** Of a parameter that is there several times the last. */
function parameter(ctx: Context, name: string): string | undefined {
  return [ctx.query[name]].flat().at(-1) || undefined;
}
