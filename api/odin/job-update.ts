import { invalid } from "../errors.ts";

/** A file that a PUT of a job writes. */
export interface ConfigUpdate {
  name: string;
  content: string;
}

/** What PUT /jobs/{id} asks for (O-102). */
export interface JobUpdate {
  /** The new tasks; absent: they stay. */
  tasks?: unknown[];
  configs: ConfigUpdate[];
}

const MAIN_FILE = "main.yml";

/**
 * Reads the body of a PUT: the job in `job`, or the bare job. `id`, `name`, `location` and everything else that a client got from GET and sends
 * back is ignored; null counts as absent. Files whose content GET had cut (`truncated`) are not written. Throws a 422 for the rest.
 */
export function readJobUpdate(body: unknown): JobUpdate {
  const outer = objectOf("body", body);
  const wrapped = own(outer, "job");
  const isBare = wrapped === undefined;
  const path = isBare ? "" : "job.";
  const job = isBare ? outer : objectOf("job", wrapped);
  const tasks = own(job, "tasks");
  if (tasks !== undefined && !Array.isArray(tasks)) throw invalid(`${path}tasks`, "must be a list");
  const configs = own(job, "configs") ?? [];
  if (!Array.isArray(configs)) throw invalid(`${path}configs`, "must be a list");
  return {
    ...(tasks === undefined ? {} : { tasks }),
    configs: configs.flatMap((entry, index) => readConfig(`${path}configs[${index}]`, entry)),
  };
}

function readConfig(path: string, entry: unknown): ConfigUpdate[] {
  const config = objectOf(path, entry);
  if (config.truncated === true) return [];
  const name = own(config, "name");
  const content = own(config, "content") ?? "";
  if (typeof name !== "string") throw invalid(`${path}.name`, "must be a string");
  if (typeof content !== "string") throw invalid(`${path}.content`, "must be a string");
  if (name === MAIN_FILE)
    throw invalid(
      `${path}.name`,
      `${MAIN_FILE} is changed by \`tasks\`, or as a whole with POST /v1/jobs/<id>/files/${MAIN_FILE}`,
    );
  return [{ name, content }];
}

/** A key of the object itself; null counts as absent. */
function own(holder: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(holder, key) ? (holder[key] ?? undefined) : undefined;
}

function objectOf(path: string, value: unknown): Record<string, unknown> {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw invalid(path, "must be an object");
  return value as Record<string, unknown>;
}
