import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import type { Job, Metadata, Pipeline, Task } from "./generated/types.ts";
import { LABELS, labelValue, MANAGED_BY } from "./names.ts";
import type { Problem } from "./problem.ts";
import { API_VERSION, PIPELINE } from "./resources.ts";
import { type RunPolicy, runPolicyOf } from "./run-policy.ts";

/** What a run runs, frozen when it starts (O-14, O-106): later edits of the Job do not reach it. */
export interface Definition {
  /** Id of the job; absent for a run that carries its own tasks. */
  job?: string;
  /** Prefix for ids of runs, where the job sets one. */
  prefix?: string;
  version?: string;
  tasks: Task[];
  /**
   * ConfigMap, in the form of a snapshot without tasks, with the files that lie directly in the jobs' root; tasks see them at `ROOT_PATH` (O-107).
   */
  rootFiles?: string;
  /** Where tasks see the files; absent: `<root>/<job id>`. A rendered job has a directory of its own (O-153). */
  workPath?: string;
  /** Names of the files; their contents lie in the snapshot under `fileKey(index)`. */
  files: string[];
  failFast: boolean;
  /** How runs go that do not say otherwise; absent where the job says nothing. */
  policy?: RunPolicy;
}

/** The ConfigMap that holds a definition and its files: immutable, named by its content, shared by the runs of one version (O-107). */
export interface SnapshotObject {
  apiVersion: "v1";
  kind: "ConfigMap";
  metadata: Pick<Metadata, "name" | "labels" | "ownerReferences"> & { namespace: string };
  immutable: true;
  data: Record<string, string>;
  /** Files that are not UTF-8, in base64. */
  binaryData?: Record<string, string>;
}

const DEFINITION_KEY = "definition.json";
/** What a ConfigMap may hold, less room for its metadata. */
const MAX_SNAPSHOT_BYTES = 1_040_000;

/** Key of the n-th file: file names may hold characters that a ConfigMap's keys may not. */
export function fileKey(index: number): string {
  return `file-${index}`;
}

/** JSON with sorted keys, so that equal content has equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** Id of a job: its path, or the object's name where none is given. */
export function jobId(job: { metadata: { name: string }; spec: { path?: string } }): string {
  return job.spec.path ?? job.metadata.name;
}

/** Version of a job: the git commit it came from, else the SHA-1 of what it says (40 hex digits like a commit). */
export function jobVersion(job: Pick<Job, "spec">): string {
  return job.spec.version ?? createHash("sha1").update(canonicalJson(job.spec)).digest("hex");
}

/**
 * Whether a definition was frozen from the jobs repository: it has no version of its own, so that commits which do not change the job do not change
 * its snapshot; the version travels with the run. The files of such a job also lie on the shared volume, where there is one (O-107).
 */
export function isFromRepository({ job, version }: Definition): boolean {
  return job !== undefined && version === undefined;
}

/** The snapshot of a job as it is now. */
export function snapshotOfJob(job: Job): SnapshotObject {
  const definition: Definition = {
    job: jobId(job),
    ...(job.spec.name === undefined ? {} : { prefix: job.spec.name }),
    version: jobVersion(job),
    tasks: job.spec.tasks ?? [],
    files: Object.keys(job.spec.files ?? {}).sort(),
    failFast: job.spec.failFast ?? false,
    ...policyOf(job.spec),
  };
  return snapshotOf(definition, job.spec.files ?? {}, job.metadata.namespace ?? "default", job.metadata.name);
}

/** The `policy` of a definition: absent where nothing is said, so that equal definitions keep equal names. */
export function policyOf(spec: RunPolicy): Pick<Definition, "policy"> {
  const policy = runPolicyOf(spec);
  return Object.keys(policy).length === 0 ? {} : { policy };
}

/**
 * The files of a run that carries its own tasks. It belongs to the run and goes with it, so its name depends on the run's UID too: a run of the
 * same name that was deleted a moment ago must not take it along.
 */
export function snapshotOfFiles(run: Pipeline, files: Readonly<Record<string, string>>): SnapshotObject {
  const { name, namespace, uid } = run.metadata;
  const definition: Definition = { tasks: [], files: Object.keys(files).sort(), failFast: false };
  const snapshot = snapshotOf(definition, files, namespace ?? "default", name, uid);
  const owner = { apiVersion: API_VERSION, kind: PIPELINE.kind, name, uid };
  return { ...snapshot, metadata: { ...snapshot.metadata, ownerReferences: [owner] } };
}

/**
 * A snapshot of a definition and its files (`definition.files` names them), its name made from `slug` and the hash of the content. The size is
 * judged by `snapshotProblems`. `salt` tells snapshots of equal content apart.
 */
export function snapshotOf(
  definition: Definition,
  files: Readonly<Record<string, string | Buffer>>,
  namespace: string,
  slug: string,
  salt = "",
): SnapshotObject {
  const data: Record<string, string> = { [DEFINITION_KEY]: canonicalJson(definition) };
  const binaryData: Record<string, string> = {};
  definition.files.forEach((name, index) => {
    const content = files[name] ?? "";
    if (typeof content === "string") data[fileKey(index)] = content;
    else if (isUtf8(content)) data[fileKey(index)] = content.toString("utf8");
    else binaryData[fileKey(index)] = content.toString("base64");
  });
  const hash = createHash("sha256")
    .update(canonicalJson({ ...data, ...binaryData }) + salt)
    .digest("hex")
    .slice(0, 12);
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: `odin-${slug.slice(0, 40).replace(/[^a-z0-9]+$/, "")}-${hash}`,
      namespace,
      labels: {
        [LABELS.managedBy]: MANAGED_BY,
        [LABELS.snapshot]: "true",
        ...(definition.job === undefined ? {} : { [LABELS.job]: labelValue(definition.job) }),
      },
    },
    immutable: true,
    data,
    ...(Object.keys(binaryData).length === 0 ? {} : { binaryData }),
  };
}

/** Problems of size: tasks and files together must fit one ConfigMap. */
export function snapshotProblems(snapshot: SnapshotObject): Problem[] {
  const bytes = Object.entries({ ...snapshot.data, ...snapshot.binaryData }).reduce(
    (sum, [key, text]) => sum + key.length + Buffer.byteLength(text),
    0,
  );
  if (bytes <= MAX_SNAPSHOT_BYTES) return [];
  return [
    {
      path: "files",
      detail: `tasks and files together are ${bytes} bytes; the most is ${MAX_SNAPSHOT_BYTES}, put larger data on a volume`,
    },
  ];
}

/** The definition inside a snapshot; undefined if the ConfigMap is not one of ours or is damaged. */
export function readSnapshot(data: Readonly<Record<string, string>> | undefined): Definition | undefined {
  const text = data?.[DEFINITION_KEY];
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isDefinition(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isDefinition(value: unknown): value is Definition {
  if (value === null || typeof value !== "object") return false;
  const { tasks, files } = value as Partial<Definition>;
  return Array.isArray(tasks) && Array.isArray(files);
}
