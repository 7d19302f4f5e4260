import type { ApiServer } from "../api/api-server.ts";
import { keyOf } from "../api/object-store.ts";
import { factsOf } from "../api/resources.ts";
import type { Stored } from "../api/stored.ts";
import type { Chance } from "../chance.ts";
import type { VirtualTime } from "../virtual-time.ts";

const JOBS = factsOf("batch", "jobs");
const PODS = factsOf("", "pods");
const BACKOFF_MS = 10_000;

interface JobSpec {
  backoffLimit?: number;
  template: { metadata?: Record<string, unknown>; spec: Record<string, unknown> };
}

/** The controller of batch/v1 Jobs with one completion: a pod, another one after each that failed, and what became of it all. */
export function runJobs(time: VirtualTime, server: ApiServer, chance: Chance): void {
  const { store } = server;
  const pods = new Map<string, { failed: Set<string>; made: number; over: boolean }>();

  const current = (uid: string, key: string): Stored | undefined => {
    const job = store.get(JOBS, key);
    return job?.metadata.uid === uid && job.metadata.deletionTimestamp === undefined ? job : undefined;
  };

  const makePod = (uid: string, key: string): void => {
    const job = current(uid, key);
    const state = pods.get(uid);
    if (job === undefined || state === undefined || state.over) return;
    const { template } = job.spec as unknown as JobSpec;
    const { name, namespace } = job.metadata;
    const metadata = {
      ...template.metadata,
      name: `${name}-${(state.made++).toString(36)}${chance.integer(1000, 9999)}`,
      namespace,
      labels: { ...(template.metadata?.labels as object), "batch.kubernetes.io/job-name": name },
      ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name, uid, controller: true, blockOwnerDeletion: true }],
    };
    const body = Buffer.from(JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata, spec: template.spec }));
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const answer = server.handle({ method: "POST", path, contentType: "application/json", body });
    if (answer.kind === "answer" && answer.code !== 201)
      time.after(chance.integer(1_000, 10_000), () => makePod(uid, key));
    else setStatus(uid, key, { active: 1 });
  };

  const setStatus = (uid: string, key: string, status: Record<string, unknown>): void => {
    if (current(uid, key) === undefined) return;
    store.change(JOBS, key, (draft) => {
      draft.status = { ...draft.status, ...status };
    });
  };

  const finish = (uid: string, key: string, type: "Complete" | "Failed", reason: string, message: string): void => {
    const state = pods.get(uid);
    if (state === undefined || state.over) return;
    state.over = true;
    time.after(chance.integer(2, 400), () => {
      const at = time.stamp();
      setStatus(uid, key, {
        active: 0,
        ...(type === "Complete" ? { succeeded: 1, completionTime: at } : { failed: state.failed.size }),
        conditions: [{ type, status: "True", reason, message, lastTransitionTime: at }],
      });
    });
  };

  store.observe(({ type, resource, object, previous }) => {
    if (resource === JOBS && type === "ADDED") {
      const { uid } = object.metadata;
      pods.set(uid, { failed: new Set(), made: 0, over: false });
      time.after(chance.integer(2, 60), () => makePod(uid, keyOf(object.metadata)));
    }
    const owner = object.metadata.ownerReferences?.find(({ kind, controller }) => kind === "Job" && controller);
    const state = owner === undefined ? undefined : pods.get(owner.uid);
    if (resource !== PODS || owner === undefined || state === undefined || state.over) return;
    const key = `${object.metadata.namespace}/${owner.name}`;
    const phase = object.status?.phase;
    if (type === "MODIFIED" && phase === "Succeeded" && previous?.status?.phase !== "Succeeded")
      finish(owner.uid, key, "Complete", "CompletionsReached", "Reached expected number of succeeded pods");
    const isLost = type === "DELETED" && phase !== "Succeeded";
    if ((phase !== "Failed" && !isLost) || state.failed.has(object.metadata.uid)) return;
    state.failed.add(object.metadata.uid);
    const job = current(owner.uid, key);
    const limit = (job?.spec as unknown as JobSpec | undefined)?.backoffLimit ?? 6;
    if (state.failed.size > limit)
      finish(owner.uid, key, "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit");
    else {
      time.after(chance.integer(2, 200), () => setStatus(owner.uid, key, { active: 0, failed: state.failed.size }));
      time.after(BACKOFF_MS * 2 ** (state.failed.size - 1), () => makePod(owner.uid, key));
    }
  });
}
