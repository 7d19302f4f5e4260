/**
 * What stands at a key of `main.yml`:
 * - `text`: any scalar, as the text that stands in the file;
 * - `integer`, `mode` (a file mode), `flag`: a scalar of that type;
 * - `one or many`: an item, or a list of items; `list`: a list only;
 * - `free`: a mapping that is passed on as it is; `object`: a mapping with known keys; `texts`: a mapping of any names to texts;
 * - `selector`: such a mapping, or a list of `{key, value}`;
 * - `outputs`: names to one path or several, or a list of paths that are numbered.
 */
export type Shape =
  | { kind: "integer"; least?: number; most?: number }
  | { kind: "free" | "text" | "mode" | "flag" | "texts" | "selector" | "outputs" }
  | { kind: "one or many" | "list"; item: Shape }
  | { kind: "object"; keys: Keys; required: readonly string[] };

/** Known keys, in camelCase. */
export type Keys = Readonly<Record<string, Shape>>;

const text: Shape = { kind: "text" };
const integer: Shape = { kind: "integer" };
const object = (keys: Keys, ...required: string[]): Shape => ({ kind: "object", keys, required });
const oneOrMany = (item: Shape): Shape => ({ kind: "one or many", item });
const list = (item: Shape): Shape => ({ kind: "list", item });
const amount = object({ limits: text, requests: text });

const tolerations = list(object({ key: text, operator: text, value: text, effect: text, tolerationSeconds: integer }));

/** What goes to the pods as it is. Inside of `affinity` everything is spelled as in a pod. */
const PASS_THROUGH_KEYS: Keys = {
  nodeSelector: { kind: "selector" },
  tolerations,
  affinity: { kind: "free" },
  priorityClassName: text,
  schedulerName: text,
  labels: { kind: "texts" },
  annotations: { kind: "texts" },
};

/** Policies of the job's runs, in one mapping: keys above the tasks are free for anchors, and few should be taken from them. */
const runPolicy = object({
  failurePolicy: text,
  timeout: integer,
  parallelism: integer,
  parallelRuns: integer,
  taskDefaults: object({
    ...PASS_THROUGH_KEYS,
    pendingTimeout: integer,
    terminationGracePeriodSeconds: integer,
    infrastructureRetries: integer,
  }),
  ttlSecondsAfterFinished: integer,
  successfulRunsHistoryLimit: integer,
  failedRunsHistoryLimit: integer,
});

/** The keys above the tasks that mean something; all others are free (O-120). */
export const TOP_KEYS: Keys = { name: text, failFast: { kind: "flag" }, runPolicy };

/** The keys of a task (O-122 to O-144). */
export const TASK_KEYS: Keys = {
  name: text,
  image: text,
  command: oneOrMany(text),
  args: list(text),
  depends: oneOrMany(text),
  mounts: oneOrMany(object({ name: text, path: text, claim: text }, "name", "path")),
  ephemVolumes: oneOrMany(object({ name: text, type: text, medium: text, sizeLimit: text }, "name", "type")),
  secrets: oneOrMany(object({ name: text, path: text, subPath: text, mode: { kind: "mode" } }, "name")),
  configMaps: oneOrMany(object({ name: text, path: text, subPath: text }, "name", "path", "subPath")),
  numGpus: { kind: "integer", least: 0 },
  cpu: amount,
  memory: amount,
  env: { kind: "texts" },
  ...PASS_THROUGH_KEYS,
  securityContext: object({ runAsUser: integer, runAsGroup: integer, fsGroup: integer }),
  pullPolicy: text,
  resourceType: text,
  numWorkers: { kind: "integer", least: 1 },
  timeout: { kind: "integer", least: 1 },
  pendingTimeout: { kind: "integer", least: 1 },
  terminationGracePeriodSeconds: { kind: "integer", least: 0 },
  retries: { kind: "integer", least: 0, most: 10 },
  infrastructureRetries: { kind: "integer", least: 0, most: 20 },
  retryPolicy: object({
    backoff: object({ seconds: integer, factor: integer, maxSeconds: integer, jitter: integer }),
    rules: oneOrMany(
      object(
        {
          onExitCodes: object({ operator: text, values: oneOrMany(integer) }, "operator", "values"),
          onReasons: oneOrMany(text),
          action: text,
        },
        "action",
      ),
    ),
  }),
  inputs: oneOrMany(text),
  outputs: { kind: "outputs" },
};

/** The keys a task cannot do without (O-146). */
export const REQUIRED_TASK_KEYS = ["name", "image", "command"] as const;

/** The singular wins over the plural where both are there (O-121). */
const PLURALS: Readonly<Record<string, string>> = {
  mount: "mounts",
  secret: "secrets",
  configMap: "configMaps",
  ephemVolume: "ephemVolumes",
};

/** `num_gpus` as `numGpus`; a name that is in camelCase stays. */
export function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** `numGpus` as `num_gpus`. */
export function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The known key that a key of a file or a request means: either spelling, singular or plural (O-121); undefined for an unknown one. */
export function knownKey(key: string, keys: Keys): string | undefined {
  const camel = camelCase(key);
  const name = (Object.hasOwn(PLURALS, camel) ? PLURALS[camel] : undefined) ?? camel;
  return Object.hasOwn(keys, name) ? name : undefined;
}

/** Whether a key is the singular spelling of a known one. */
export function isSingular(key: string): boolean {
  return Object.hasOwn(PLURALS, camelCase(key));
}
