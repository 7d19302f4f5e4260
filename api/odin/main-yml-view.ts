import { isMap, isSeq, type Node, type YAMLMap } from "yaml";
import { checkMainFile } from "../../crds/main-yml.ts";
import { type Keys, knownKey, type Shape, TASK_KEYS } from "../../crds/main-yml-keys.ts";
import { knownEntries } from "../../crds/main-yml-reader.ts";
import { taskId } from "../../crds/names.ts";
import { summary, TextProblem } from "../../crds/problem.ts";
import { YamlText } from "../../crds/yaml-text.ts";

/** The tasks of a `main.yml` as replies show them (O-62). */
export interface MainFileView {
  /** Prefix of the ids of its runs, where the file sets one. */
  name?: string;
  tasks: TaskView[];
  /** Why the file cannot be used, with line and column; then there are no tasks (O-60). */
  error?: string;
}

/** A task as it is written in the file, keys in camelCase; `id` is `<job id>--<task name>` (O-13). */
export type TaskView = { id: string } & Record<string, unknown>;

/**
 * The tasks of a `main.yml`. Values are as in the file: one mapping is an object where several are a list, a text is a text where several are
 * a list. Keys that are absent or null are absent, unknown ones are passed through. A file that could not be run has `error` and no tasks. Pure
 * and not cheap (about a millisecond for ten tasks): callers keep the result for as long as the text stays the same.
 */
export function taskViews(main: string, jobId: string): MainFileView {
  try {
    const yaml = new YamlText(main);
    const { file, problems } = checkMainFile(yaml);
    if (problems.length > 0) return { tasks: [], error: summary(problems) };
    const tasks = taskMaps(yaml).map((map) => {
      const task = shownTask(yaml, map);
      return { ...task, id: taskId(jobId, String(task.name)) };
    });
    return { tasks, ...(file.name === undefined ? {} : { name: file.name }) };
  } catch (error) {
    // Not parseable, or an unknown key that is too much to show.
    if (error instanceof TextProblem) return { tasks: [], error: `main.yml: ${error.message}` };
    throw error;
  }
}

/** The mappings in the list of tasks; what is no mapping, or no list, is left out. */
export function taskMaps(yaml: YamlText): YAMLMap[] {
  const root = yaml.root === null ? undefined : yaml.resolve(yaml.root);
  const node = isMap(root) ? yaml.entries(root).get("tasks")?.value : undefined;
  const list = node ? yaml.resolve(node) : undefined;
  return isSeq(list)
    ? yaml
        .items(list)
        .flatMap((item) => (item ? [yaml.resolve(item)] : []))
        .filter(isMap)
    : [];
}

/** One task as it is written, without an id; works on files with problems too. */
export function shownTask(yaml: YamlText, map: YAMLMap): Record<string, unknown> {
  const { id: _, ...task } = shownObject(yaml, map, TASK_KEYS);
  return task;
}

/** A mapping with the known keys in camelCase and plural, without nulls. */
export function shownObject(yaml: YamlText, map: YAMLMap, keys: Keys): Record<string, unknown> {
  const known = [...knownEntries(yaml, map, keys)].map(([name, { node }]): [string, unknown] => {
    const shape = keys[name];
    return [name, shape === undefined ? yaml.json(node) : shownValue(yaml, node, shape)];
  });
  const unknown = [...yaml.entries(map)].flatMap(([name, { value }]): [string, unknown][] =>
    knownKey(name, keys) === undefined && value !== null && !yaml.isNull(value) ? [[name, yaml.json(value)]] : [],
  );
  return Object.fromEntries([...known, ...unknown]);
}

/** A value at a known key: scalars that are texts stay the text of the file, everything else is by the rules of YAML 1.1. */
export function shownValue(yaml: YamlText, node: Node, shape: Shape): unknown {
  const target = yaml.resolve(node);
  switch (shape.kind) {
    case "one or many":
    case "list":
      if (!isSeq(target)) return shownValue(yaml, target, shape.item);
      return yaml.items(target).map((item) => (item === null ? null : shownValue(yaml, item, shape.item)));
    case "object":
      return isMap(target) ? shownObject(yaml, target, shape.keys) : yaml.json(target);
    case "texts":
    case "selector":
    case "outputs":
    case "text":
      return yaml.texts(target);
    case "integer":
    case "mode":
    case "flag":
      return yaml.json(target);
  }
}
