import type { Pipeline, TaskStatus } from "../../crds/generated/types.ts";
import { ANNOTATIONS } from "../../crds/names.ts";
import { PIPELINE } from "../../crds/resources.ts";
import { TASK_CONTAINERS } from "../../crds/task-kinds.ts";
import { CONFIG_MAP } from "../../kube/core-resources.ts";
import type { KubeObject } from "../../kube/resource.ts";
import { shardOf } from "../../kube/shard.ts";
import type { AuditedWrite, History } from "./history.ts";

/** What a case may do that others may not. */
export interface Allowance {
  /** Writes of the operator beyond the budget, for what the fault itself costs (I-7). */
  writes?: number;
  /** The operators of this case stood for election on this lease (I-8), or on one for each of so many shards. */
  lease?: {
    name: string;
    renewDeadlineMs: number;
    shards?: number;
    /** Names of pods whose creation `writer` had sent in time, and which the network kept for longer than its lease lasted. */
    underWay?: { writer: string; pods: ReadonlySet<string> };
  };
}

/** The words by which the operator's requests are known. */
const OPERATOR = /^odin-operator/;
/** Of a run with few tasks, starting and ending weigh most. */
const WRITES_PER_RUN = 4;
const WRITES_PER_ATTEMPT = 4;
/** A write may be on its way for so long before the server has it. */
const ON_THE_WAY_MS = 2_000;

/**
 * Everything in a case's history that breaks one of the invariants I-1 to I-4 and I-6 to I-8, as `I-n: what`. I-5 needs a
 * deletion and is checked by `leftBehind`.
 */
export function violations(history: History, allowance: Allowance = {}): string[] {
  const versions = versionsOf(history);
  return [
    ...onePodPerAttempt(history),
    ...dependenciesFirst(history, versions),
    ...terminalStaysTerminal(versions),
    ...endedOrExplained(history),
    ...countsAgree(versions),
    ...withinBudget(history, allowance.writes ?? 0),
    ...(allowance.lease === undefined ? [] : onlyTheHolderWrites(history, allowance.lease)),
  ];
}

/** I-5: what still belongs to runs that are gone, as `I-5: what`; `objects` are those of the namespace. */
export function leftBehind(objects: readonly KubeObject[], deleted: ReadonlySet<string>): string[] {
  return objects
    .filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => deleted.has(uid)))
    .map(({ kind, metadata }) => `I-5: ${kind ?? "object"} ${metadata.name} outlives its run`);
}

/** All versions of each run that the server answered a write with, that a watch has shown, or that are there now, by UID, oldest first. */
type Versions = ReadonlyMap<string, readonly Pipeline[]>;

function versionsOf({ writes, seen, pipelines }: History): Versions {
  const byUid = new Map<string, Map<string, Pipeline>>();
  const written = writes.flatMap(({ resource, code, object }) =>
    resource === "pipelines" && code < 300 && object?.kind === "Pipeline" ? [object] : [],
  );
  for (const object of [...written, ...seen, ...pipelines]) {
    const { uid = "", resourceVersion = "" } = object.metadata;
    const versions = byUid.get(uid) ?? new Map<string, Pipeline>();
    byUid.set(uid, versions.set(resourceVersion, object as unknown as Pipeline));
  }
  const sorted = [...byUid].map(([uid, versions]): [string, Pipeline[]] => [
    uid,
    [...versions].sort(([a], [b]) => Number(a) - Number(b)).map(([, run]) => run),
  ]);
  return new Map(sorted);
}

/** An attempt's pod, as its creation was answered. */
interface Creation {
  run: string;
  task: string;
  attempt: string;
  pod: KubeObject;
  version: number;
}

function creationsOf(writes: readonly AuditedWrite[]): Creation[] {
  return writes.flatMap(({ verb, resource, subresource, code, object }) => {
    if (verb !== "create" || resource !== "pods" || subresource !== undefined || code !== 201) return [];
    const found = object === undefined ? undefined : attemptOf(object);
    return object === undefined || found === undefined ? [] : [{ ...found, pod: object, version: versionOf(object) }];
  });
}

function attemptOf({ metadata }: KubeObject): { run: string; task: string; attempt: string } | undefined {
  const owner = metadata.ownerReferences?.find(({ kind }) => kind === "Pipeline");
  const { [ANNOTATIONS.task]: task, [ANNOTATIONS.attempt]: attempt } = metadata.annotations ?? {};
  return owner === undefined || task === undefined || attempt === undefined
    ? undefined
    : { run: owner.uid, task, attempt };
}

function versionOf({ metadata }: KubeObject): number {
  return Number(metadata.resourceVersion);
}

/** I-1, by what was created; a creation whose line was lost with the server shows in the pods that are there. */
function onePodPerAttempt({ writes, pods }: History): string[] {
  const uids = new Map<string, Map<string, string>>();
  for (const pod of [...creationsOf(writes).map((creation) => creation.pod), ...pods]) {
    const found = attemptOf(pod);
    if (found === undefined) continue;
    const key = `${found.run} ${found.task} ${found.attempt}`;
    uids.set(key, (uids.get(key) ?? new Map()).set(pod.metadata.uid ?? "", pod.metadata.name));
  }
  return [...uids].flatMap(([key, found]) => {
    const [run, task, attempt] = key.split(" ");
    if (found.size <= 1) return [];
    return [
      `I-1: attempt ${attempt} at ${task} of run ${run} got ${found.size} pods: ${[...found.values()].join(", ")}`,
    ];
  });
}

/** I-2: before a task's pod is made, the server holds for each of its dependencies a record or a pod that says it succeeded. */
function dependenciesFirst({ writes, pods }: History, versions: Versions): string[] {
  const succeeded = new Map<string, number>();
  const proof = (key: string, version: number): void => {
    succeeded.set(key, Math.min(succeeded.get(key) ?? Number.POSITIVE_INFINITY, version));
  };
  for (const [uid, runs] of versions) {
    for (const run of runs) {
      for (const [task, { state }] of Object.entries(run.status?.tasks ?? {})) {
        if (state === "executed") proof(`${uid} ${task}`, Number(run.metadata.resourceVersion));
      }
    }
  }
  const seen = writes.flatMap(({ resource, code, object }) =>
    resource === "pods" && code < 300 && object !== undefined ? [object] : [],
  );
  for (const pod of [...seen, ...pods]) {
    const found = attemptOf(pod);
    if (found === undefined || !saysSucceeded(pod)) continue;
    proof(`${found.run} ${found.task}`, versionOf(pod));
  }
  return creationsOf(writes).flatMap(({ run, task, pod, version }) => {
    const depends = versions.get(run)?.[0]?.spec.tasks?.find(({ name }) => name === task)?.depends ?? [];
    const early = depends.filter((parent) => (succeeded.get(`${run} ${parent}`) ?? Number.POSITIVE_INFINITY) > version);
    return early.map((parent) => `I-2: pod ${pod.metadata.name} was made before ${parent} was known to have succeeded`);
  });
}

/** Whether the server's copy of a pod says that its task has succeeded: the whole pod has, or the task's own container beside others (F-24). */
function saysSucceeded(pod: KubeObject): boolean {
  const { status } = pod as { status?: { phase?: string; containerStatuses?: ContainerStatus[] } };
  if (status?.phase === "Succeeded") return true;
  const main = status?.containerStatuses?.find(({ name }) => TASK_CONTAINERS.has(name));
  return status?.phase === "Running" && main?.state?.terminated?.exitCode === 0;
}

interface ContainerStatus {
  name: string;
  state?: { terminated?: { exitCode: number } };
}

const ENDED = new Set(["DONE", "TERMINATED"]);

/** I-3: of tasks, the whole record; of runs, how and when they ended. */
function terminalStaysTerminal(versions: Versions): string[] {
  return [...versions.values()].flatMap((runs) =>
    runs.slice(1).flatMap((now, index) => {
      const before = runs[index];
      const changed = Object.entries(before?.status?.tasks ?? {})
        .filter(([, record]) => isTerminal(record))
        .filter(([task, record]) => JSON.stringify(record) !== JSON.stringify(now.status?.tasks?.[task]))
        .map(([task, record]) => {
          const after = JSON.stringify(now.status?.tasks?.[task]);
          return `I-3: the record of ${task} of ${now.metadata.name} changed from ${JSON.stringify(record)} to ${after}`;
        });
      const { phase, completionTime } = before?.status ?? {};
      if (!ENDED.has(phase ?? "")) return changed;
      const same = phase === now.status?.phase && completionTime === now.status?.completionTime;
      const end = `${phase} ${completionTime} to ${now.status?.phase} ${now.status?.completionTime}`;
      return same ? changed : [...changed, `I-3: the end of ${now.metadata.name} changed from ${end}`];
    }),
  );
}

function isTerminal({ state }: TaskStatus): boolean {
  return state === "executed" || state === "terminated";
}

/** I-4, at the end of the case, whose own waits are the bound. */
function endedOrExplained({ pipelines }: History): string[] {
  return (pipelines as unknown as Pipeline[]).flatMap(({ metadata, status }) => {
    if (ENDED.has(status?.phase ?? "")) return [];
    const records = Object.entries(status?.tasks ?? {});
    const mute = records.filter(([, { state, reason }]) => state === "waiting" && !reason).map(([task]) => task);
    const complaints = mute.map((task) => `I-4: ${task} of ${metadata.name} waits without a reason`);
    const works = records.some(([, { state }]) => state === "executing");
    if (!works && !status?.reason) complaints.push(`I-4: ${metadata.name} neither ends nor says what it waits for`);
    return complaints;
  });
}

/** I-6, in every version. */
function countsAgree(versions: Versions): string[] {
  return [...versions.values()].flat().flatMap(({ metadata, status }) => {
    const { counts } = status ?? {};
    if (counts === undefined) return [];
    const records = Object.values(status?.tasks ?? {});
    return (["waiting", "executing", "executed", "terminated"] as const).flatMap((state) => {
      const there = records.filter((record) => record.state === state).length;
      const of = `${metadata.name} at version ${metadata.resourceVersion}`;
      return counts[state] === there ? [] : [`I-6: ${of} counts ${counts[state]} ${state}, its records ${there}`];
    });
  });
}

/** I-7: refused writes count as well; core events and leases do not belong to runs. */
function withinBudget({ writes }: History, allowed: number): string[] {
  const ours = writes.filter(
    ({ userAgent, resource }) => OPERATOR.test(userAgent) && resource !== "leases" && resource !== "events",
  );
  const attempts = creationsOf(ours).length;
  const runs = new Set(
    writes.flatMap(({ verb, resource, code, object }) =>
      verb === "create" && resource === "pipelines" && code === 201 ? [object?.metadata.uid] : [],
    ),
  ).size;
  const budget = runs * WRITES_PER_RUN + attempts * WRITES_PER_ATTEMPT + allowed;
  if (ours.length <= budget) return [];
  const kinds = new Map<string, number>();
  for (const { verb, resource, subresource, code } of ours) {
    const kind = `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`} ${code}`;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const list = [...kinds].map(([kind, count]) => `${count} × ${kind}`).join(", ");
  return [`I-7: ${ours.length} writes for ${runs} runs and ${attempts} pods, ${budget} are allowed: ${list}`];
}

interface Renewal {
  lease: string;
  holder: string;
  /** When the server had got it and when it was in force. */
  at: number;
  doneAt: number;
}

/** I-8: by the server's clock a write comes from whoever last wrote itself into the lease of its shard, and within its deadline. */
function onlyTheHolderWrites({ writes }: History, lease: NonNullable<Allowance["lease"]>): string[] {
  const { shards = 1 } = lease;
  const leases = Array.from({ length: shards }, (_, shard) => leaseOf(lease.name, shard));
  const renewals: Renewal[] = writes.flatMap(({ resource, name = "", code, object, verb, at, doneAt }) => {
    if (resource !== "leases" || !leases.includes(name) || code >= 300 || verb === "delete") return [];
    const { holderIdentity = "" } = (object as { spec?: { holderIdentity?: string } } | undefined)?.spec ?? {};
    return [{ lease: name, holder: holderIdentity, at, doneAt }];
  });
  const ours = writes.filter(
    ({ userAgent, resource }) => OPERATOR.test(userAgent) && resource !== "leases" && resource !== "events",
  );
  return ours.flatMap((write) => {
    const { userAgent, at, verb, resource, name } = write;
    const writer = userAgent.split(" via ")[1] ?? "";
    const { underWay } = lease;
    if (verb === "create" && resource === "pods" && writer === underWay?.writer && underWay.pods.has(name ?? ""))
      return [];
    const run = runOfWrite(write);
    // What is no single run's may be written by whoever holds any shard.
    const over = run === undefined ? leases : [leaseOf(lease.name, shardOf(run, shards))];
    const what = `${verb} ${resource} ${name ?? ""} of ${writer} at ${new Date(at).toISOString()}`;
    const inForce = over.flatMap(
      (one) => renewals.filter((renewal) => renewal.lease === one && renewal.doneAt <= at).at(-1) ?? [],
    );
    const own = inForce.filter(({ holder }) => holder === writer).sort((a, b) => b.at - a.at)[0];
    if (own === undefined) {
      const holders = inForce.map(({ holder }) => holder).filter(Boolean);
      return [`I-8: ${what}, while ${holders.join(", ") || "nobody"} held ${over.join(", ")}`];
    }
    const late = at - own.at - lease.renewDeadlineMs;
    return late > ON_THE_WAY_MS ? [`I-8: ${what}, ${late} ms after its renewal deadline`] : [];
  });
}

function leaseOf(name: string, shard: number): string {
  return shard === 0 ? name : `${name}-${shard}`;
}

/** The run that a write is about, as `namespace/name`, which says of which shard it is; undefined for what several runs share. */
function runOfWrite({ resource, name, namespace, object }: AuditedWrite): string | undefined {
  const owner = object?.metadata.ownerReferences?.find(({ kind }) => kind === PIPELINE.kind)?.name;
  const run = resource === PIPELINE.plural ? name : (owner ?? /^(.+?)--/.exec(name ?? "")?.[1]);
  return run === undefined || run === "" || resource === CONFIG_MAP.plural ? undefined : `${namespace}/${run}`;
}
