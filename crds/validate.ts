import type { Task } from "./generated/types.ts";
import { dependenciesOf, findCycle } from "./graph.ts";
import { MAX_DEPENDS, MAX_FILES, MAX_FILES_BYTES, MAX_TASKS } from "./limits.ts";
import { passThroughProblems } from "./pass-through.ts";
import { type Problem, TextProblem } from "./problem.ts";
import { referencedTasks } from "./references.ts";
import { retryPolicyProblems } from "./retry-policy.ts";
import { schemaProblems } from "./schema-check.ts";
import { RESERVED_ENVIRONMENT, TASK, TASK_NAME } from "./task.ts";
import { kindFactsOf, WORKERS } from "./task-kinds.ts";
import { quoted, substituteVariables } from "./variables.ts";

const NAME = new RegExp(`^${TASK_NAME}$`);
const FILE_NAME = /^[^<>:;,?"*|/\\\x00-\x1f]+$/;
const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
const MAX_PROBLEMS = 20;

/**
 * Everything that is wrong with a definition, at most 20 problems; an empty list means that it can be run (O-146, O-148). The same check serves
 * admission by the operator and all ways into the REST API. What the schema already guarantees is checked again where a
 * definition may not have passed the API server.
 */
export function validateDefinition(tasks: readonly Task[], files: Readonly<Record<string, string>> = {}): Problem[] {
  const problems: Problem[] = [];
  if (tasks.length > MAX_TASKS) {
    problems.push({ path: "tasks", detail: `${tasks.length} tasks; the most is ${MAX_TASKS}` });
  } else {
    const shape = tasks.flatMap(shapeProblems);
    // What follows takes the tasks for what their type says.
    problems.push(...(shape.length > 0 ? shape : [...graphProblems(tasks), ...tasks.flatMap(taskProblems)]));
  }
  problems.push(...fileProblems(files));
  return problems.slice(0, MAX_PROBLEMS);
}

const { name: _name, ...NAMELESS } = TASK.properties ?? {};
/** A task's schema without its name, about which `nameProblem` has better words. */
const TASK_BODY = { ...TASK, properties: NAMELESS };

/** What a task breaks of the schema; tasks in a ConfigMap have not passed the API server's own check. */
function shapeProblems(task: Task, index: number): Problem[] {
  const path = `tasks[${index}]`;
  if (task === null || typeof task !== "object") return [{ path, detail: "must be a mapping" }];
  const bad = nameProblem(task, path);
  const named = bad === undefined ? { task: task.name } : {};
  const others = schemaProblems(task, TASK_BODY, path).filter((problem) => problem.path !== `${path}.name`);
  return [...(bad === undefined ? [] : [bad]), ...others.map((problem) => ({ ...problem, ...named }))];
}

function nameProblem(task: Task, path: string): Problem | undefined {
  if (typeof task.name === "string" && NAME.test(task.name) && task.name.length <= 63) return undefined;
  return {
    path: `${path}.name`,
    detail: `${JSON.stringify(task.name) ?? "nothing"} is not a task name: at most 63 of a-z, 0-9 and -, starting and ending with a letter or digit`,
  };
}

function graphProblems(tasks: readonly Task[]): Problem[] {
  const problems: Problem[] = [];
  const dependencies = new Map<string, string[]>();
  tasks.forEach((task, index) => {
    if (dependencies.has(task.name))
      problems.push({ path: `tasks[${index}].name`, task: task.name, detail: "another task has the same name" });
    dependencies.set(task.name, knownDependencies(task));
  });
  tasks.forEach((task, index) => {
    const names = dependencies.get(task.name) ?? [];
    if ((task.depends?.length ?? 0) > MAX_DEPENDS) {
      problems.push({
        path: `tasks[${index}].depends`,
        task: task.name,
        detail: `more than ${MAX_DEPENDS} entries; join in two steps`,
      });
    }
    for (let n = 1; n <= (task.retries ?? 0); n++) {
      if (!dependencies.has(`${task.name}-r${n}`)) continue;
      problems.push({
        path: `tasks[${index}].retries`,
        task: task.name,
        detail: `its retry would have the name of task ${task.name}-r${n}; rename one of the two`,
      });
    }
    for (const other of takenNames(task, dependencies.keys())) {
      problems.push({
        path: `tasks[${index}].name`,
        task: task.name,
        detail: `a pod of this ${task.resourceType} would have the name of task ${other}; rename one of the two`,
      });
    }
    for (const name of names) {
      if (!dependencies.has(name)) {
        problems.push({
          path: `tasks[${index}].depends`,
          task: task.name,
          detail: `there is no task ${JSON.stringify(name)} to depend on`,
        });
      }
    }
  });
  const cycle = findCycle(dependencies);
  if (cycle)
    problems.push({ path: "tasks", detail: `the tasks wait for each other in a cycle: ${cycle.join(" -> ")}` });
  return problems;
}

/** Tasks whose objects have names that a controller would give to pods of this one. */
function takenNames(task: Task, names: Iterable<string>): string[] {
  if (!kindFactsOf(task).isDistributed) return [];
  return [...names].filter(
    (other) =>
      other.startsWith(`${task.name}-`) && /^(launcher|(master|worker)-\d+)$/.test(other.slice(task.name.length + 1)),
  );
}

/** Dependencies of a task whose references may be bad; those are reported where they stand. */
function knownDependencies(task: Task): string[] {
  try {
    return dependenciesOf(task);
  } catch (error) {
    if (error instanceof TextProblem) return task.depends ?? [];
    throw error;
  }
}

function taskProblems(task: Task, index: number): Problem[] {
  const problems: Problem[] = [];
  const at = (path: string, detail: string): void => {
    problems.push({ path: `tasks[${index}].${path}`, task: task.name, detail });
  };
  const attempt = (path: string, read: () => void): void => {
    try {
      read();
    } catch (error) {
      if (!(error instanceof TextProblem)) throw error;
      at(path, error.message);
    }
  };
  task.args?.forEach((text, i) => {
    attempt(`args[${i}]`, () => {
      substituteVariables(text, () => "");
      referencedTasks(text);
    });
  });
  task.inputs?.forEach((text, i) => {
    attempt(`inputs[${i}]`, () => {
      referencedTasks(text);
    });
  });
  for (const [name, value] of Object.entries(task.env ?? {})) {
    if (!ENVIRONMENT_NAME.test(name)) at("env", `${JSON.stringify(name)} is not the name of an environment variable`);
    if (name.startsWith(RESERVED_ENVIRONMENT))
      at(`env.${name}`, `names starting with ${RESERVED_ENVIRONMENT} are set by odin`);
    attempt(`env.${name}`, () => {
      substituteVariables(value, () => "");
    });
  }
  problems.push(...retryPolicyProblems(task, `tasks[${index}]`));
  if (task.resourceType === WORKERS) at("resourceType", `${WORKERS} is for runs that MLBench manages, not for jobs`);
  passThroughProblems(task, at);
  mountProblems(task, at);
  caretProblems(task, at);
  return problems;
}

/** A value that begins like a reference at a key where references are not read would go to the container as it is (O-152). */
function caretProblems(task: Task, at: (path: string, detail: string) => void): void {
  const { name: _name, args: _args, inputs: _inputs, depends: _depends, ...others } = task;
  const look = (path: string, value: unknown): void => {
    if (typeof value === "string") {
      if (value.startsWith("^")) at(path, `${quoted(value)} begins with ^; references stand in args and inputs only`);
    } else if (Array.isArray(value))
      value.forEach((item, i) => {
        look(`${path}[${i}]`, item);
      });
    else if (value !== null && typeof value === "object")
      for (const [key, item] of Object.entries(value)) look(`${path}.${key}`, item);
  };
  for (const [key, value] of Object.entries(others)) look(key, value);
}

function mountProblems(task: Task, at: (path: string, detail: string) => void): void {
  const claims = new Map<string, string>();
  const ephemeral = new Set((task.ephemVolumes ?? []).map((volume) => volume.name));
  if (ephemeral.size < (task.ephemVolumes?.length ?? 0)) at("ephemVolumes", "two volumes have the same name");
  const paths = new Map<string, string>();
  const claimPath = (field: string, path: string): void => {
    const other = paths.get(path);
    if (other) at(field, `${path} is mounted by ${other} already`);
    paths.set(path, field);
  };
  task.mounts?.forEach((mount, i) => {
    const known = claims.get(mount.name);
    if (mount.claim === undefined && !ephemeral.has(mount.name)) {
      at(
        `mounts[${i}]`,
        `${JSON.stringify(mount.name)} has no claim and is not one of ephemVolumes; add a claim or declare the volume`,
      );
    } else if (mount.claim !== undefined && ephemeral.has(mount.name)) {
      at(
        `mounts[${i}]`,
        `${JSON.stringify(mount.name)} is one of ephemVolumes and has a claim too; keep one of the two`,
      );
    } else if (mount.claim !== undefined && known !== undefined && known !== mount.claim) {
      at(`mounts[${i}]`, `volume ${JSON.stringify(mount.name)} names two claims, ${known} and ${mount.claim}`);
    }
    if (mount.claim !== undefined) claims.set(mount.name, mount.claim);
    claimPath(`mounts[${i}]`, mount.path);
  });
  task.secrets?.forEach((secret, i) => {
    claimPath(`secrets[${i}]`, secret.path);
  });
  task.configMaps?.forEach((configMap, i) => {
    claimPath(`configMaps[${i}]`, configMap.path);
  });
}

function fileProblems(files: Readonly<Record<string, string>>): Problem[] {
  const problems: Problem[] = [];
  const names = Object.keys(files);
  if (names.length > MAX_FILES)
    problems.push({ path: "files", detail: `${names.length} files; the most is ${MAX_FILES}` });
  let bytes = 0;
  for (const name of names) {
    bytes += Buffer.byteLength(files[name] ?? "") + Buffer.byteLength(name);
    const problem = fileNameProblem(name);
    if (problem !== undefined) problems.push(problem);
  }
  if (bytes > MAX_FILES_BYTES) {
    problems.push({
      path: "files",
      detail: `${bytes} bytes of files; the most is ${MAX_FILES_BYTES}, put larger data on a volume`,
    });
  }
  return problems;
}

/** What is wrong with the name of a file, if anything (O-11). */
export function fileNameProblem(name: unknown): Problem | undefined {
  const good =
    typeof name === "string" &&
    FILE_NAME.test(name) &&
    !name.startsWith(".") &&
    !name.startsWith("-") &&
    Buffer.byteLength(name) <= 255;
  if (good) return undefined;
  return {
    path: `files[${JSON.stringify(name)}]`,
    detail: 'is not a file name: one segment, none of < > : ; , ? " * | / \\, not starting with . or -',
  };
}
