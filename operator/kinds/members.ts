import type { ObservedObject } from "../decide/run.ts";

/**
 * An object with what its pods add to its own word: why it is not running, what it handed back, and what exactly went wrong. How far it has come
 * is left to the object (O-174), and no pods at all are no error.
 */
export function withMembers(
  object: ObservedObject,
  pods: readonly ObservedObject[],
  speaker: RegExp | undefined,
): ObservedObject {
  switch (object.phase) {
    case "Succeeded": {
      const { ended } = speakerOf(object, pods, speaker) ?? latest(pods.filter(isSucceeded)) ?? {};
      return { ...object, ...leftoversOf(pods), ended: { ...ended, ...object.ended } };
    }
    case "Failed": {
      const culprit = culpritOf(object, pods);
      if (culprit === undefined) return { ...object, ...leftoversOf(pods) };
      const at = object.ended?.at ?? culprit.ended?.at;
      const ended = { ...culprit.ended, pod: culprit.name, ...(at === undefined ? {} : { at }) };
      return { ...object, ...leftoversOf(pods), ended };
    }
    default: {
      const waiting = object.waiting ?? troubleOf(pods);
      return waiting === undefined ? object : { ...object, waiting };
    }
  }
}

/**
 * The pod whose result is the task's (O-205), once it has succeeded: the one whose name, after the object's, matches `speaker`; where all are equal
 * the latest.
 */
export function speakerOf(
  object: ObservedObject,
  pods: readonly ObservedObject[],
  speaker: RegExp | undefined,
): ObservedObject | undefined {
  const succeeded = pods.filter(isSucceeded);
  if (speaker === undefined) return latest(succeeded);
  return succeeded.find(({ name }) => speaker.test(name.slice(object.name.length + 1)));
}

function isAlive({ phase, gone }: ObservedObject): boolean {
  return !gone && (phase === "Pending" || phase === "Running");
}

function leftoversOf(pods: readonly ObservedObject[]): Pick<ObservedObject, "leftovers"> {
  const leftovers = pods.filter((pod) => isAlive(pod) && !pod.deleting);
  return leftovers.length === 0 ? {} : { leftovers };
}

function isSucceeded({ phase }: ObservedObject): boolean {
  return phase === "Succeeded";
}

/** Of a Job's pods the last that failed; of pods that work together the first, which may have taken the others along. */
function culpritOf(object: ObservedObject, pods: readonly ObservedObject[]): ObservedObject | undefined {
  const failed = pods.filter(({ phase }) => phase === "Failed");
  if (object.resource.group === "batch") return latest(failed);
  return failed.reduce<ObservedObject | undefined>(
    (first, pod) => (first === undefined || (pod.ended?.at ?? "") < (first.ended?.at ?? "") ? pod : first),
    undefined,
  );
}

function latest(pods: readonly ObservedObject[]): ObservedObject | undefined {
  return pods.reduce<ObservedObject | undefined>(
    (last, pod) => (last === undefined || pod.createdAt >= last.createdAt ? pod : last),
    undefined,
  );
}

/** What the first pod in trouble waits for, or, between two tries, how the last one ended. */
function troubleOf(pods: readonly ObservedObject[]): ObservedObject["waiting"] {
  const alive = pods.filter(isAlive);
  const stuck = alive.filter(({ waiting }) => waiting !== undefined).sort((a, b) => a.name.localeCompare(b.name))[0];
  if (stuck?.waiting !== undefined) {
    const { reason, message } = stuck.waiting;
    return { reason, message: `pod ${stuck.name}: ${message}` };
  }
  if (alive.length > 0) return undefined;
  const failed = latest(pods.filter(({ phase }) => phase === "Failed"));
  if (failed === undefined) return undefined;
  const code = failed.ended?.exitCode;
  const cause = `${failed.ended?.reason ?? "Error"}${code === undefined ? "" : `, exit code ${code}`}`;
  return { reason: "PodFailed", message: `pod ${failed.name} failed (${cause}); another takes its place` };
}
