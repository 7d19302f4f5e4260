import { type FieldValues, fieldValues } from "../fields.ts";
import { type ReadMetrics, readMetrics } from "../metrics/read-metrics.ts";
import { ApplicationError, MlbenchError } from "../mlbench-error.ts";
import { type ParsedBody, parseBody, type RawBody } from "./parse-body.ts";

/** What a route wants of a body: some fields of an object or a form, or metrics. */
export type BodyWish = { kind: "fields"; names: readonly string[] } | { kind: "metrics" };

/** A body that is to be read. */
export interface BodyTask {
  wish: BodyWish;
  body: RawBody;
}

/** What is read of a body. */
export type ReadBody = { kind: "fields"; values: FieldValues } | { kind: "metrics"; metrics: ReadMetrics };

/** The answer to a body that is refused. */
export interface BodyRefusal {
  kind: "refused";
  status: number;
  bodyText: string;
}

/** Reads what is wanted of a body; no more of it is kept, so that the result is small whatever was sent. */
export async function readBody({ wish, body }: BodyTask): Promise<ReadBody | BodyRefusal> {
  try {
    const parsed = await parseBody(body);
    if (wish.kind === "metrics") return { kind: "metrics", metrics: readMetrics(parsed) };
    return { kind: "fields", values: fieldValues(objectOf(parsed), wish.names) };
  } catch (error) {
    if (!(error instanceof MlbenchError)) throw error;
    return { kind: "refused", status: error.status, bodyText: error.bodyText };
  }
}

function objectOf(parsed: ParsedBody): Readonly<Record<string, unknown>> {
  if (Array.isArray(parsed)) throw new ApplicationError(400, "The body has to be an object, not a list");
  return parsed as Readonly<Record<string, unknown>>;
}
