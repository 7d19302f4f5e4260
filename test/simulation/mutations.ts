/** A known mistake, planted into one compiled file of the product: what stands there, and what is put in its place. */
export interface Mutation {
  /** What the operator does wrong then. */
  mistake: string;
  /** Below dist/. */
  file: string;
  find: string;
  replace: string;
  /** The rule by which it shows. */
  rule: RegExp;
  /** Where the search starts; any seed will do, but one that shows it is found sooner. */
  seed: number;
}

/**
 * Mistakes that schedules must find. A mutation whose text is not in its file any more fails its test: give it the new text.
 */
export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  "foreign-pods": {
    mistake: "adopts a pod of its name whoever owns it",
    file: "operator/act/objects.js",
    find: "owner?.uid === attempt.run.metadata.uid",
    replace: "owner !== undefined",
    rule: /I-4|I-7|I-10/,
    seed: 42,
  },
  "names-by-chance": {
    mistake: "gives a pod another name each time",
    file: "operator/kinds/attempt.js",
    find: "return objectName(run.metadata.name, task, number);",
    replace: "return `${objectName(run.metadata.name, task, number)}-${Math.floor(Math.random() * 1e6)}`;",
    rule: /I-1|I-4/,
    seed: 9,
  },
  "any-dependency": {
    mistake: "starts a task when one of its dependencies is done",
    file: "operator/decide/ready.js",
    find: "const [first] = unmet;",
    replace: "const [first] = unmet.length < dependencies.length ? [] : unmet;",
    rule: /I-2/,
    seed: 1,
  },
  "no-lease": {
    mistake: "goes on writing when it has lost its lease",
    file: "kube/request-sender.js",
    find: "canWrite() ? undefined : notLeader(what)",
    replace: "undefined",
    rule: /I-8/,
    seed: 32,
  },
  "endings-change": {
    mistake: "looks again at tasks that have ended",
    file: "operator/decide/task-state.js",
    find: "if (isTerminal(record))\n        return record;",
    replace: "",
    rule: /I-3|I-10/,
    seed: 9,
  },
  forgetfulness: {
    mistake: "forgets what it is creating",
    file: "operator/run-memory.js",
    find: "this.#starts.set(task, {",
    replace: "void (task, {",
    rule: /I-3|I-5|I-7/,
    seed: 14,
  },
  impatience: {
    mistake: "asks again at once for what was refused for now",
    file: "operator/run-memory.js",
    find: "untilMs: nowMs + pause,",
    replace: "untilMs: nowMs + 1,",
    rule: /I-7/,
    seed: 13,
  },
  "deaf-ears": {
    mistake: "does not look at a run when one of its pods has ended",
    file: "operator/matters.js",
    find: "return a.phase !== b.phase ||",
    replace: "return",
    rule: /I-4/,
    seed: 1,
  },
};
