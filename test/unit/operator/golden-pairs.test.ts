/**
 * Pairs in test/golden: a run with its observed pods, and what is decided. `-u` (or UPDATE_GOLDEN=1) rewrites the outputs; their
 * difference is part of a review.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import * as yaml from "js-yaml";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, PipelineStatus, Task, TaskStatus } from "../../../crds/generated/types.ts";
import { podName } from "../../../crds/names.ts";
import { DEFAULT_PATHS } from "../../../crds/run-paths.ts";
import { kindFactsOf } from "../../../crds/task-kinds.ts";
import type { CacheAnswer } from "../../../operator/decide/caching.ts";
import { type Decision, decide, type View } from "../../../operator/decide/decide.ts";
import { endingOf } from "../../../operator/decide/finish.ts";
import type { Room } from "../../../operator/decide/parallelism.ts";
import { controlsOf, planOf, withPolicyOf } from "../../../operator/decide/plan.ts";
import type { ObservedObject, ObservedWarning } from "../../../operator/decide/run.ts";
import { statusOf } from "../../../operator/decide/status.ts";
import { recordOfObject } from "../../../operator/decide/task-state.ts";

const DIRECTORY = resolve(import.meta.dirname, "../../../../test/golden");
const update = process.argv.includes("-u") || process.env.UPDATE_GOLDEN === "1";

interface Input {
  now?: string;
  name?: string;
  job?: string;
  spec: Omit<Pipeline["spec"], "tasks"> & { tasks: (Partial<Task> & { name: string })[] };
  status?: PipelineStatus;
  /** Of kind Pod where they do not say otherwise. */
  pods?: (Partial<ObservedObject> & { task: string })[];
  warnings?: ObservedWarning[];
  held?: Record<string, TaskStatus>;
  /** Attempts that are being created, by task. */
  starting?: Record<string, number>;
  /** Tasks that will never be created. */
  refused?: Record<string, TaskStatus>;
  /** How many tasks the namespace has room for; absent: as many as there are. */
  room?: Room;
  /** What the cache knows; absent: there is none. */
  cache?: Record<string, CacheAnswer>;
}

function objectOf(run: string, object: Partial<ObservedObject> & { task: string }): ObservedObject {
  const name = podName(run, object.task, object.attempt ?? 1);
  return {
    resource: kindFactsOf({}).resources[0],
    name,
    uid: `uid-${name}`,
    attempt: 1,
    createdAt: "2026-01-01T00:00:10Z",
    phase: "Running",
    deleting: false,
    gone: false,
    ...object,
  };
}

function viewOf(input: Input): View {
  const name = input.name ?? "run";
  const tasks = input.spec.tasks.map((task) => ({ image: "image", command: ["run"], ...task }));
  const run: Pipeline = {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: { name, namespace: "default", uid: "uid-of-run", resourceVersion: "1", generation: 1 },
    spec: { ...input.spec, tasks },
    ...(input.status === undefined ? {} : { status: input.status }),
  };
  const definition = {
    tasks,
    files: [],
    failFast: false,
    ...(input.job === undefined ? {} : { job: input.job }),
  };
  return {
    run,
    plan: withPolicyOf(planOf(definition), run),
    controls: controlsOf(run),
    objects: (input.pods ?? []).map((object) => objectOf(name, object)),
    heldBack: new Map(Object.entries(input.held ?? {})),
    ...(input.starting === undefined ? {} : { starting: new Map(Object.entries(input.starting)) }),
    ...(input.refused === undefined ? {} : { refused: new Map(Object.entries(input.refused)) }),
    ...(input.room === undefined ? {} : { room: input.room }),
    ...(input.cache === undefined ? {} : { cache: new Map(Object.entries(input.cache)) }),
    paths: DEFAULT_PATHS,
    retryPauseMs: 10_000,
    now: input.now ?? "2026-01-01T00:01:00.000Z",
  };
}

/** The status that is written when every creation succeeds. */
function statusAfter(view: View, decision: Decision, warnings: ObservedWarning[]): PipelineStatus {
  const created = new Map(
    decision.actions.flatMap((action) => (action.kind === "create" ? [[action.task.name, action] as const] : [])),
  );
  const tasks = decision.tasks.map((current) => {
    const action = created.get(current.task.name);
    if (action === undefined) return current;
    const { task, attempt } = action;
    const pod = { task: task.name, attempt, phase: "Pending" as const, createdAt: view.now };
    const object = objectOf(view.run.metadata.name, pod);
    return { task, object, record: recordOfObject(current.record, object, view.now, undefined) };
  });
  const ending = decision.ending ?? endingOf(view, tasks);
  const { run, plan, controls, now } = view;
  return statusOf({ run, plan, controls, tasks, warnings, now, ...(ending === undefined ? {} : { ending }) });
}

function answer(input: Input): unknown {
  const view = viewOf(input);
  const decision = decide(view);
  assert.equal(decide(view), decision, "the same view twice gives the same decision");
  const actions = decision.actions.map((action) => {
    if (action.kind === "delete") return { delete: action.object.name };
    const texts = {
      ...(action.args.length > 0 ? { args: action.args } : {}),
      ...(Object.keys(action.env).length > 0 ? { env: action.env } : {}),
    };
    if (action.kind === "lookUp") return { lookUp: action.task.name, ...texts, inputs: action.inputs };
    return {
      create: action.task.name,
      ...(action.attempt > 1 ? { attempt: action.attempt } : {}),
      ...texts,
      ...(action.cacheKey === undefined ? {} : { cacheKey: action.cacheKey }),
    };
  });
  const wants = decision.wants === undefined ? {} : { wants: decision.wants };
  const wakeAt = decision.wakeAt === undefined ? {} : { wakeAt: decision.wakeAt };
  return { actions, ...wants, ...wakeAt, status: statusAfter(view, decision, input.warnings ?? []) };
}

const golden = suite("golden pairs");
const names = readdirSync(DIRECTORY)
  .filter((file) => file.endsWith(".input.yaml"))
  .map((file) => file.slice(0, -".input.yaml".length));

golden("there are pairs", () => {
  assert.ok(names.length > 10, `found ${names.length} pairs in ${DIRECTORY}`);
});

for (const name of names) {
  golden(name, () => {
    const input = yaml.load(readFileSync(resolve(DIRECTORY, `${name}.input.yaml`), "utf8"), {
      schema: yaml.CORE_SCHEMA,
    }) as Input;
    const actual = yaml.dump(JSON.parse(JSON.stringify(answer(input))), { lineWidth: 140, noRefs: true });
    const file = resolve(DIRECTORY, `${name}.output.yaml`);
    if (update) writeFileSync(file, actual);
    assert.ok(existsSync(file), `${file} is missing; write it with UPDATE_GOLDEN=1 and review it`);
    assert.fixture(actual, readFileSync(file, "utf8"));
  });
}
golden.run();
