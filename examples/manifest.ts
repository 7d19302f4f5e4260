import * as yaml from "js-yaml";

const HEADER = "# Made from main.yml and the files beside it by dist/examples/generate.js; do not edit.\n";

/** An example directory: the text of its main.yml and of the files that its tasks read. */
export interface Example {
  name: string;
  main: string;
  files: Record<string, string>;
}

/**
 * The example as a custom resource: a Job where tasks read files, which a Pipeline then names; otherwise a Pipeline with
 * its tasks inline, so that one `kubectl apply` runs it.
 */
export function manifest(example: Example): { file: "job.yaml" | "pipeline.yaml"; text: string } {
  const tasks = tasksOf(example);
  if (Object.keys(example.files).length === 0) {
    return { file: "pipeline.yaml", text: toYaml("Pipeline", example.name, { tasks }) };
  }
  const spec = { path: example.name, tasks, files: example.files };
  return { file: "job.yaml", text: toYaml("Job", example.name, spec) };
}

function toYaml(kind: string, name: string, spec: object): string {
  const object = { apiVersion: "odin.io/v1", kind, metadata: { name }, spec };
  return HEADER + yaml.dump(object, { lineWidth: -1, noRefs: true, quotingType: '"' });
}

function tasksOf({ name, main }: Example): Record<string, unknown>[] {
  const parsed = yaml.load(main);
  if (!isMapping(parsed) || !Array.isArray(parsed.tasks)) throw new Error(`${name}/main.yml has no list of tasks`);
  return parsed.tasks.map((task: unknown) => {
    if (!isMapping(task)) throw new Error(`${name}/main.yml has a task that is no mapping`);
    // The name first: merged keys would otherwise push it down.
    return Object.fromEntries(Object.entries({ name: task.name, ...task }).map(([key, value]) => field(key, value)));
  });
}

/** A key of main.yml as the custom resources spell it: camelCase, lists where main.yml also takes a single value. */
function field(key: string, value: unknown): [string, unknown] {
  switch (key) {
    case "mount":
    case "mounts":
      return ["mounts", listOf(value)];
    case "command":
    case "depends":
      return [key, listOf(value)];
    case "args":
      return [key, listOf(value).map(String)];
    default:
      return [key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()), value];
  }
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value];
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
