import * as yaml from "js-yaml";
import type { Task } from "./generated/types.ts";
import { type Problem, TextProblem } from "./problem.ts";

/** A job as `main.yml` says it, in the form of the custom resource. */
export interface MainFile {
  name?: string;
  failFast?: boolean;
  tasks: Task[];
}

/**
 * Plain scalars stay the text they are in the file, so that `1e3`, `0644` and `2019-08-08` reach arguments unchanged (O-125) and each known key
 * is read by its own type; only null and merge keys (`<<`) are told apart.
 */
const SCHEMA = yaml.FAILSAFE_SCHEMA.extend({
  implicit: [
    new yaml.Type("tag:yaml.org,2002:null", {
      kind: "scalar",
      resolve: (source: unknown) =>
        source === null || (typeof source === "string" && /^(~|null|Null|NULL|)$/.test(source)),
      construct: () => null,
    }),
    new yaml.Type("tag:yaml.org,2002:merge", { kind: "scalar", resolve: (source: unknown) => source === "<<" }),
  ],
});
const MAX_BYTES = 1024 * 1024;

type Reader = (value: unknown) => unknown;

function fail(detail: string): never {
  throw new TextProblem(detail);
}

const text: Reader = (value) => (typeof value === "string" ? value : fail("must be a text"));
const integer: Reader = (value) => {
  if (typeof value !== "string" || !/^[-+]?(0|[1-9][0-9_]*)$/.test(value)) fail("must be a whole number");
  return Number(value.replaceAll("_", ""));
};
/** A file mode: with a leading 0 it is octal, as YAML 1.1 has it (O-120). */
const mode: Reader = (value) => {
  if (typeof value !== "string" || !/^(0o?[0-7]+|[1-9][0-9]*|0)$/.test(value)) fail("must be a file mode like 0644");
  return /^0o?[0-7]/.test(value) ? Number.parseInt(value.replace(/^0o?/, ""), 8) : Number(value);
};
const flag: Reader = (value) => {
  if (typeof value === "string" && /^(true|yes|on)$/i.test(value)) return true;
  if (typeof value === "string" && /^(false|no|off)$/i.test(value)) return false;
  return fail("must be true or false");
};
const listOf =
  (item: Reader): Reader =>
  (value) =>
    (Array.isArray(value) ? value : [value]).map((entry) => item(entry));
const strictList =
  (item: Reader): Reader =>
  (value) =>
    Array.isArray(value) ? value.map((entry) => item(entry)) : fail("must be a list");
const object =
  (readers: Record<string, Reader>): Reader =>
  (value) =>
    readKeys(mapping(value), readers);
const texts: Reader = (value) =>
  Object.fromEntries(Object.entries(mapping(value)).map(([key, entry]) => [key, text(entry)]));

function mapping(value: unknown): Record<string, unknown> {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return fail("must be a mapping");
  return value as Record<string, unknown>;
}

/** `key: value` pairs as a mapping, or a list of `{key, value}` (O-136). */
const selector: Reader = (value) => {
  if (!Array.isArray(value)) return texts(value);
  return Object.fromEntries(value.map((entry) => [text(mapping(entry).key), text(mapping(entry).value)]));
};
/** Names to paths; a list counts as "0", "1", … (O-140). Several paths of one name are joined by blanks. */
const outputs: Reader = (value) => {
  const entries = Array.isArray(value)
    ? value.map((entry, index) => [String(index), entry] as const)
    : Object.entries(mapping(value));
  return Object.fromEntries(entries.map(([key, entry]) => [key, (listOf(text)(entry) as string[]).join(" ")]));
};
/** A leading ^ is an old spelling (O-126). */
const dependency: Reader = (value) => String(text(value)).replace(/^\^/, "");
const amount = object({ limits: text, requests: text });

/** Known keys in camelCase with their readers; each is also read in snake_case (O-121 – O-144). */
const TASK_KEYS: Record<string, Reader> = {
  name: text,
  image: text,
  command: listOf(text),
  args: strictList(text),
  depends: listOf(dependency),
  mounts: listOf(object({ name: text, path: text, claim: text })),
  ephemVolumes: listOf(object({ name: text, type: text, medium: text, sizeLimit: text })),
  secrets: listOf(object({ name: text, path: text, subPath: text, mode })),
  configMaps: listOf(object({ name: text, path: text, subPath: text })),
  numGpus: integer,
  cpu: amount,
  memory: amount,
  env: texts,
  nodeSelector: selector,
  tolerations: strictList(object({ key: text, operator: text, value: text, effect: text, tolerationSeconds: integer })),
  securityContext: object({ runAsUser: integer, runAsGroup: integer, fsGroup: integer }),
  pullPolicy: text,
  resourceType: text,
  inputs: listOf(text),
  outputs,
};
/** The singular wins over the plural where both are there (O-121). */
const SINGULAR: Record<string, string> = {
  mount: "mounts",
  secret: "secrets",
  configMap: "configMaps",
  ephemVolume: "ephemVolumes",
};

function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function readKeys(values: Record<string, unknown>, readers: Record<string, Reader>): Record<string, unknown> {
  const known = new Map<string, unknown>();
  for (const [key, value] of Object.entries(values)) if (value !== null) known.set(camelCase(key), value);
  for (const [singular, plural] of Object.entries(SINGULAR))
    if (known.has(singular) && Object.hasOwn(readers, plural)) known.set(plural, known.get(singular));
  const result: Record<string, unknown> = {};
  for (const [key, read] of Object.entries(readers)) {
    if (!known.has(key)) continue;
    try {
      result[key] = read(known.get(key));
    } catch (error) {
      if (!(error instanceof TextProblem)) throw error;
      fail(error.message.startsWith("must") ? `${key} ${error.message}` : error.message);
    }
  }
  return result;
}

/**
 * Reads a `main.yml` (O-120, O-121). What it cannot make sense of is told in `problems`; whether the tasks can be run is for
 * `validateDefinition`. Unknown keys are passed over here; they stay in the file.
 */
export function readMainFile(source: string): { file: MainFile; problems: Problem[] } {
  const nothing = (path: string, detail: string): { file: MainFile; problems: Problem[] } => ({
    file: { tasks: [] },
    problems: [{ path, detail }],
  });
  if (Buffer.byteLength(source) > MAX_BYTES) return nothing("main.yml", `is larger than ${MAX_BYTES} bytes`);
  let document: unknown;
  try {
    // `json` lets the last of duplicate keys win.
    document = yaml.load(source, { schema: SCHEMA, json: true });
  } catch (error) {
    if (!(error instanceof yaml.YAMLException)) throw error;
    return nothing("main.yml", `line ${error.mark.line + 1}, column ${error.mark.column + 1}: ${error.reason}`);
  }
  const problems: Problem[] = [];
  try {
    const top = mapping(document);
    const { name, failFast } = readKeys(top, { name: text, failFast: flag }) as { name?: string; failFast?: boolean };
    if (!Array.isArray(top.tasks)) return nothing("tasks", "must be a list");
    const tasks = top.tasks.flatMap((entry: unknown, index) => readTask(entry, index, problems));
    return {
      file: { tasks, ...(name === undefined ? {} : { name }), ...(failFast === undefined ? {} : { failFast }) },
      problems,
    };
  } catch (error) {
    if (!(error instanceof TextProblem)) throw error;
    return nothing("main.yml", error.message);
  }
}

function readTask(entry: unknown, index: number, problems: Problem[]): Task[] {
  const path = `tasks[${index}]`;
  try {
    const task = readKeys(mapping(entry), TASK_KEYS);
    const missing = ["name", "image", "command"].filter((key) => task[key] === undefined);
    for (const key of missing)
      problems.push({
        path: `${path}.${key}`,
        ...(typeof task.name === "string" ? { task: task.name } : {}),
        detail: `${key} is needed`,
      });
    return missing.length > 0 ? [] : [task as unknown as Task];
  } catch (error) {
    if (!(error instanceof TextProblem)) throw error;
    problems.push({ path, detail: error.message });
    return [];
  }
}
