import { type AuditEvent, requestName } from "./audit-event.ts";
import { type Distribution, distribution } from "./distribution.ts";
import { type BenchRun, tasksOf } from "./graphs.ts";
import type { PodIdentity } from "./system.ts";

/** Whose requests are counted, and how pods are told apart. */
export interface Subject {
  user: string;
  resource: string;
  identify(pod: string): PodIdentity | undefined;
}

/** What the audit log says of one load. */
export interface LogFigures {
  tasks: number;
  pods: number;
  /** From the first run received to the last status of a run answered, or of a pod where there are no runs. */
  seconds: number;
  tasksPerSecond: number;
  /** From the end of the last parent answered to the creation of the child received, µs. */
  levelUs: Distribution | undefined;
  levelsUs: number[];
  /** From the run received to the creation of its first pod received, µs. */
  startUs: Distribution | undefined;
  startsUs: number[];
  /** When the creation of each pod was received, µs since the epoch. */
  podCreationsUs: number[];
  /** When each list of runs by the controller under test was received, µs since the epoch: a process of it makes one when it begins. */
  listsUs: number[];
  /** Requests of the controller under test about tasks, by `verb resource/subresource`. */
  requests: Record<string, number>;
  /** Its watches, requests for leases and looks at which kinds are served, which go with time and not with tasks. */
  standing: Record<string, number>;
  /** Requests that it was refused, by `verb resource/subresource code`. */
  refused: Record<string, number>;
  /** Attempts that never got a pod. */
  lost: string[];
  /** Attempts for which more than one pod was created, and pods that no run asked for. */
  doubled: string[];
}

const CREATED = 201;

/**
 * Computes the figures from the answered requests of one load, in the order of the log, and the names of the pods that are there after it: the
 * log lacks the names that the server chose, and what an API server had not yet written when it was killed.
 */
export function figuresOf(
  events: readonly AuditEvent[],
  runs: readonly BenchRun[],
  subject: Subject,
  existing: readonly string[],
): LogFigures {
  const pods = podsOf(events, subject, existing);
  const runStarts = new Map<string, number>();
  let begin = Number.POSITIVE_INFINITY;
  let end = 0;
  for (const event of events) {
    if (event.resource !== subject.resource || event.code >= 300) continue;
    if (event.verb === "create" && event.subresource === "") {
      runStarts.set(event.name, event.receivedUs);
      begin = Math.min(begin, event.receivedUs);
    } else if (isLastWord(event, subject)) end = Math.max(end, event.answeredUs);
  }
  const levelsUs = levelTimes(runs, pods);
  const startsUs = startTimes(runs, runStarts, pods);
  const seconds = (end - begin) / 1e6;
  const tasks = tasksOf(runs);
  return {
    tasks,
    pods: [...pods.values()].reduce((sum, { created }) => sum + created, 0),
    seconds,
    tasksPerSecond: tasks / seconds,
    levelsUs,
    levelUs: distribution(levelsUs),
    startsUs,
    startUs: distribution(startsUs),
    podCreationsUs: [...pods.values()].map(({ createdUs }) => createdUs).filter((at) => !Number.isNaN(at)),
    listsUs: events
      .filter(({ user, verb, resource }) => user === subject.user && verb === "list" && resource === subject.resource)
      .map(({ receivedUs }) => receivedUs),
    ...requestCounts(events, subject.user),
    ...missingAndDoubled(runs, pods),
  };
}

/** Whether it may be what ends a run: a status written by the controller, or, where the pod is all there is, its node's report. */
function isLastWord(event: AuditEvent, { user, resource }: Subject): boolean {
  return resource === "pods" ? isNodeReport(event) : event.user === user && event.subresource === "status";
}

interface PodTimes {
  created: number;
  /** When the creation was received, µs; NaN where the log does not say. */
  createdUs: number;
  /** When the answer to the last change of its status was sent, µs; NaN where there was none. */
  endedUs: number;
}

/** Times of each attempt's pod, by `run/task/attempt`; what nobody asked for is there under its own name. */
function podsOf(events: readonly AuditEvent[], subject: Subject, existing: readonly string[]): Map<string, PodTimes> {
  const pods = new Map<string, PodTimes>();
  const keys = new Map<string, string>();
  const add = (name: string, createdUs: number): void => {
    const identity = subject.identify(name);
    const key = identity === undefined ? name : `${identity.run}/${identity.task}/${identity.attempt}`;
    keys.set(name, key);
    const known = pods.get(key);
    if (known === undefined) pods.set(key, { created: 1, createdUs, endedUs: Number.NaN });
    else known.created += 1;
  };
  for (const event of events) {
    if (isPodCreation(event) && event.name !== "") add(event.name, event.receivedUs);
  }
  for (const name of existing) if (!keys.has(name)) add(name, Number.NaN);
  for (const event of events) {
    if (!isNodeReport(event)) continue;
    const pod = pods.get(keys.get(event.name) ?? "");
    if (pod !== undefined) pod.endedUs = event.answeredUs;
  }
  return pods;
}

/** Whether a pod was created. */
export function isPodCreation({ resource, subresource, verb, code }: AuditEvent): boolean {
  return resource === "pods" && subresource === "" && verb === "create" && code === CREATED;
}

/** Whether the simulated node says something of a pod: first that it runs, then that it has ended. */
export function isNodeReport({ resource, subresource, verb, userAgent, code }: AuditEvent): boolean {
  return (
    resource === "pods" && subresource === "status" && verb === "patch" && code === 200 && userAgent.startsWith("kwok")
  );
}

function levelTimes(runs: readonly BenchRun[], pods: Map<string, PodTimes>): number[] {
  return runs.flatMap(({ name, tasks }) => {
    const attempts = new Map(tasks.map(({ name: task, failsOnce }) => [task, failsOnce ? 2 : 1]));
    return tasks.flatMap(({ name: task, depends }) => {
      const created = pods.get(`${name}/${task}/1`)?.createdUs ?? Number.NaN;
      if (depends.length === 0) return [];
      const ends = depends.map(
        (parent) => pods.get(`${name}/${parent}/${attempts.get(parent)}`)?.endedUs ?? Number.NaN,
      );
      const overhead = created - Math.max(...ends);
      return Number.isNaN(overhead) ? [] : [overhead];
    });
  });
}

function startTimes(runs: readonly BenchRun[], runStarts: Map<string, number>, pods: Map<string, PodTimes>): number[] {
  return runs.flatMap(({ name, tasks }) => {
    const received = runStarts.get(name);
    const firsts = tasks
      .filter(({ depends }) => depends.length === 0)
      .map(({ name: task }) => pods.get(`${name}/${task}/1`)?.createdUs ?? Number.NaN)
      .filter((at) => !Number.isNaN(at));
    return received === undefined || firsts.length === 0 ? [] : [Math.min(...firsts) - received];
  });
}

function requestCounts(
  events: readonly AuditEvent[],
  user: string,
): Pick<LogFigures, "requests" | "standing" | "refused"> {
  const counts = { requests: {}, standing: {}, refused: {} } as Pick<LogFigures, "requests" | "standing" | "refused">;
  for (const event of events) {
    if (event.user !== user) continue;
    const name = requestName(event);
    const kind = goesWithTime(event) ? counts.standing : counts.requests;
    kind[name] = (kind[name] ?? 0) + 1;
    if (event.code < 400) continue;
    const refusal = `${name} ${event.code}`;
    counts.refused[refusal] = (counts.refused[refusal] ?? 0) + 1;
  }
  return counts;
}

function goesWithTime({ verb, resource }: AuditEvent): boolean {
  return verb === "watch" || resource === "leases" || resource === "";
}

function missingAndDoubled(
  runs: readonly BenchRun[],
  pods: Map<string, PodTimes>,
): Pick<LogFigures, "lost" | "doubled"> {
  const wanted = new Set<string>();
  for (const { name, tasks } of runs) {
    for (const { name: task, failsOnce } of tasks) {
      wanted.add(`${name}/${task}/1`);
      if (failsOnce) wanted.add(`${name}/${task}/2`);
    }
  }
  return {
    lost: [...wanted].filter((key) => !pods.has(key)),
    doubled: [...pods].filter(([key, { created }]) => created > 1 || !wanted.has(key)).map(([key]) => key),
  };
}

/** The sum of requests by name. */
export function totalOf(requests: Record<string, number>): number {
  return Object.values(requests).reduce((sum, count) => sum + count, 0);
}
