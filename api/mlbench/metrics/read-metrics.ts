import type { MetricEntry } from "../../../store/mlbench-metrics.ts";
import type { ParsedBody } from "../body-work/parse-body.ts";
import { momentOf } from "../dates.ts";
import { badValue, Fields, fieldValues, supplied } from "../fields.ts";
import { ApplicationError, echoed } from "../mlbench-error.ts";
import { fullEntry } from "./metric-json.ts";

/** Most entries that are posted at once (M-33). */
const MAX_ENTRIES = 10_000;
const MAX_NAME = 50;
const MAX_VALUE = 255;
const FIELDS = ["pod_name", "run_id", "name", "date", "value", "metadata", "cumulative"];

/** Whose metric it is said to be. */
export type NamedOwner = { podName: string } | { runId: string };

/** An entry of a body; `entry` is missing where it is the one that is wrong. */
export interface ReadMetric {
  owner: NamedOwner;
  entry?: MetricEntry;
}

/** The metrics of a body, as far as can be said without knowing pods and runs. */
export interface ReadMetrics {
  /** Up to the first that is wrong. */
  metrics: readonly ReadMetric[];
  isList: boolean;
  /** What is answered when they are stored, as JSON. */
  echo: string;
  /** The answer where one is wrong, and nothing is wrong with the owners up to that one. */
  refused?: { status: number; bodyText: string };
}

/** Reads one entry, or a list of them (M-29 to M-33). Throws where the body is neither. */
export function readMetrics(body: ParsedBody): ReadMetrics {
  const isList = Array.isArray(body);
  if (isList && body.length > MAX_ENTRIES) {
    throw new ApplicationError(400, `${body.length} metrics are too many at once; at most ${MAX_ENTRIES} are taken`);
  }
  const metrics: ReadMetric[] = [];
  const echoes: string[] = [];
  for (const [index, given] of (isList ? body : [body]).entries()) {
    let owner: NamedOwner | undefined;
    try {
      const fields = new Fields(fieldValues(objectOf(given), FIELDS));
      owner = ownerOf(fields, given);
      const entry = entryOf(fields);
      metrics.push({ owner, entry });
      echoes.push(JSON.stringify({ ...("podName" in owner ? { pod_name: owner.podName } : {}), ...fullEntry(entry) }));
    } catch (error) {
      if (!(error instanceof ApplicationError)) throw error;
      if (owner !== undefined) metrics.push({ owner });
      const { status, bodyText } = isList ? atIndex(error, index) : error;
      return { metrics, isList, echo: "", refused: { status, bodyText } };
    }
  }
  return { metrics, isList, echo: isList ? `[${echoes.join(",")}]` : (echoes[0] ?? "") };
}

/** The error of one element of a list, which says which (M-33). */
export function atIndex(error: ApplicationError, index: number): ApplicationError {
  const { status: _, message, ...more } = error.body;
  return new ApplicationError(error.status, `Metric ${index}: ${String(message)}`, { index, ...more }, error);
}

function objectOf(given: unknown): Readonly<Record<string, unknown>> {
  if (given === null || typeof given !== "object") throw new ApplicationError(400, `${echoed(given)} is no metric`);
  if (Array.isArray(given)) throw new ApplicationError(400, "The body has to be an object, not a list");
  return given as Readonly<Record<string, unknown>>;
}

/** Of both the pod counts (M-31). */
function ownerOf(fields: Fields, given: unknown): NamedOwner {
  const podName = fields.text("pod_name");
  if (podName !== undefined && podName !== "") return { podName };
  const runId = fields.raw("run_id");
  if (runId === undefined || runId === "") {
    throw new ApplicationError(400, "Pod Name or run id have to be supplied", { data: given });
  }
  return { runId: typeof runId === "string" || typeof runId === "number" ? String(runId) : "" };
}

function entryOf(fields: Fields): MetricEntry {
  const name = supplied("name", fields.text("name"));
  if (name === "" || isLongerThan(MAX_NAME, name)) {
    throw badValue("name", name, `not of 1 to ${MAX_NAME} characters`);
  }
  const dateText = supplied("date", fields.text("date"));
  const date = momentOf(dateText);
  if (date === undefined) throw badValue("date", dateText, "no date such as 2026-01-01T00:00:00.000000Z");
  const given = supplied("value", fields.raw("value"));
  if (typeof given !== "string" && typeof given !== "number") {
    throw badValue("value", given, "neither a number nor a text");
  }
  const value = String(given);
  if (isLongerThan(MAX_VALUE, value)) throw badValue("value", value, `longer than ${MAX_VALUE} characters`);
  // What is structured in JSON is stored as its text (M-30).
  const metadata = fields.raw("metadata") ?? "";
  const metadataText = typeof metadata === "object" ? metadata.json : String(metadata);
  for (const [field, text] of Object.entries({ name, value, metadata: metadataText })) {
    // The databases keep texts of Unicode, without the character that ends a text in C.
    if (/[\0\p{Surrogate}]/u.test(text)) throw badValue(field, text, "a text with NUL or half of a character in it");
  }
  return { name, date, value, metadata: metadataText, cumulative: fields.boolean("cumulative") };
}

/** Counts characters, of which some are two units of a JavaScript text. */
function isLongerThan(most: number, text: string): boolean {
  return text.length > most && (text.length > 2 * most || [...text].length > most);
}
