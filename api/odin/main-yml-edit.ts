import { isDeepStrictEqual } from "node:util";
import { isAlias, isMap, isPair, isScalar, isSeq, type Node, Pair, visit, type YAMLMap, YAMLSeq } from "yaml";
import { MAX_TASKS } from "../../crds/limits.ts";
import { checkMainFile } from "../../crds/main-yml.ts";
import { TASK_KEYS } from "../../crds/main-yml-keys.ts";
import { MAX_PROBLEMS } from "../../crds/main-yml-reader.ts";
import { type Problem, TextProblem } from "../../crds/problem.ts";
import { YamlText } from "../../crds/yaml-text.ts";
import { replaceTasks, spliceTasks, type TaskOrigin, taskLayout } from "./main-yml-splice.ts";
import { shownTask, taskMaps } from "./main-yml-view.ts";
import { readTaskUpdate, type TaskUpdate } from "./task-update.ts";
import { AliasKeeper } from "./yaml-aliases.ts";
import { keyNode, taskNode } from "./yaml-nodes.ts";
import { reconcileMap } from "./yaml-reconcile.ts";

/** The text of a job's new `main.yml`, or why there is none; with problems nothing is to be changed. */
export type EditResult = { text: string } | { problems: Problem[] };

/** A new job's `main.yml` (O-101). */
export const EMPTY_MAIN_FILE = "tasks: []\n";
const FILE_NAME = "main.yml";
/**
 * Keys that a request replaces even by leaving them out: those that clients have always known (O-62). The others, and keys that we do not know,
 * stay in the file until a request sets them to null (O-102), for most clients send only what they know.
 */
const REPLACED = new Set([
  "image",
  "command",
  "args",
  "mounts",
  "numGpus",
  "pullPolicy",
  "nodeSelector",
  "resourceType",
  "numWorkers",
  "depends",
  "inputs",
  "outputs",
]);

/** A task as it is in the file. */
interface OldTask {
  /** Its place in the list. */
  index: number;
  item: Node | null;
  map: YAMLMap;
  shown: Record<string, unknown>;
}

/**
 * The text of a `main.yml` after PUT /jobs/{id} (O-102). Tasks are matched by name; those that say the same stay as they are written, and so do
 * comments, anchors, merges and the rest of the file. Without `tasks` they stay. The result is checked like every `main.yml` (O-148).
 */
export function editMainFile(source: string | undefined, { tasks }: { tasks?: readonly unknown[] }): EditResult {
  const read = tasks === undefined ? { updates: undefined } : readTaskUpdates(tasks);
  return "problems" in read ? read : editTasks(source, read.updates);
}

/** The tasks of a request, or why they cannot be written into a file at all. Cheap, whatever they are. */
export function readTaskUpdates(tasks: readonly unknown[]): { updates: TaskUpdate[] } | { problems: Problem[] } {
  if (tasks.length > MAX_TASKS)
    return { problems: [{ path: "tasks", detail: `${tasks.length} tasks; the most is ${MAX_TASKS}` }] };
  const updates: TaskUpdate[] = [];
  const problems: Problem[] = [];
  for (const [index, task] of tasks.entries()) {
    try {
      updates.push(readTaskUpdate(task));
    } catch (error) {
      if (!(error instanceof TextProblem)) throw error;
      problems.push({ path: `tasks[${index}]`, detail: error.message });
      if (problems.length === MAX_PROBLEMS) break;
    }
  }
  return problems.length > 0 ? { problems } : { updates };
}

/** `editMainFile` with tasks that are read already. */
export function editTasks(source: string | undefined, updates: readonly TaskUpdate[] | undefined): EditResult {
  const before = source === undefined || source.trim() === "" ? EMPTY_MAIN_FILE : source;
  let result: YamlText;
  try {
    result = updates === undefined ? new YamlText(before) : withTasks(new YamlText(before), updates);
  } catch (error) {
    if (!(error instanceof TextProblem)) throw error;
    const detail = `cannot be edited: ${error.message}; upload a right one with POST /v1/jobs/<id>/files/main.yml`;
    return { problems: [{ path: FILE_NAME, detail }] };
  }
  const { source: text } = result;
  const found = checkMainFile(result, { places: text === before }).problems;
  return found.length > 0 ? { problems: found } : { text };
}

/** The file with other tasks; `yaml` is used up. */
function withTasks(yaml: YamlText, updates: readonly TaskUpdate[]): YamlText {
  const { source } = yaml;
  const root = yaml.root;
  if (!isMap(root)) throw new TextProblem("it is not a mapping");
  const free = freeKeys(yaml);
  const layout = taskLayout(yaml);
  const old = oldTasks(yaml);
  const byName = new Map(old.map((task) => [task.shown.name, task]));
  const wanted = updates.map((update) => merged(update, byName.get(update.name)));
  if (old.length === updates.length && wanted.every((task, index) => isDeepStrictEqual(task, old[index]?.shown)))
    return yaml;

  const comments = old.flatMap(({ item }) => (item === null ? [] : commentsBelow(item)));
  for (const { node } of comments) node.comment = null;
  const aliases = new AliasKeeper(yaml);
  const items = updates.map((update, index) => {
    const from = byName.get(update.name);
    if (from === undefined) return taskNode(new Map([...update.values].filter(([, value]) => value !== null)));
    if (isDeepStrictEqual(wanted[index], from.shown)) return from.item;
    const map = isAlias(from.item) ? (aliases.copyOf(from.map) as YAMLMap) : aliases.editable(from.map);
    reconcileMap(yaml, aliases, map, changesOf(update, from), TASK_KEYS);
    return map;
  });
  const list = new YAMLSeq();
  list.items = items;
  const pair = root.items.findLast(({ key }) => isScalar(key) && key.value === "tasks");
  if (pair !== undefined) {
    const was = pair.value as Node | null;
    list.commentBefore = was?.commentBefore ?? null;
    pair.value = list;
  } else root.items.push(new Pair(keyNode("tasks"), list));
  const touched = aliases.restore();
  const origins = updates.map((update, index): TaskOrigin => {
    const from = byName.get(update.name);
    const item = items[index];
    const same = from !== undefined && isDeepStrictEqual(wanted[index], from.shown);
    return { old: from?.index, unchanged: same && !(item && touched.has(item)) };
  });
  const bare = parsed(lineEndingsOf(source, render(yaml)), wanted, free);
  if (bare === undefined) throw new TextProblem("it could not be written so that the rest of it says the same");
  const spliced = spliceTasks(layout, taskLayout(bare), origins);
  const best = spliced === undefined ? undefined : parsed(spliced, wanted, free);
  if (best !== undefined) return best;

  for (const { node, comment } of comments) node.comment = comment;
  // Without such comments it is written as it was a moment ago.
  const again = comments.length > 0 ? parsed(lineEndingsOf(source, render(yaml)), wanted, free) : bare;
  const whole = again ?? bare;
  const replaced = replaceTasks(layout, taskLayout(whole));
  if (replaced === whole.source) return whole;
  return (replaced === undefined ? undefined : parsed(replaced, wanted, free)) ?? whole;
}

/**
 * Comments that the parser found below a task and hung on whatever is last in it. They are left out where the old text is put in, which has
 * them: written from here, those that belong to the next task would be there twice, and others in the midst of the task.
 */
function commentsBelow(node: Node): { node: Node; comment: string }[] {
  if (!(isMap(node) || isSeq(node)) || node.flow) return [];
  const last = node.items.at(-1) as Node | Pair | null | undefined;
  const inner = isPair(last) ? (last.value as Node | null) : last;
  const here = node.comment ? [{ node, comment: node.comment }] : [];
  return [...here, ...(inner ? commentsBelow(inner) : [])];
}

/** The tasks of the file; one that is no mapping, or whose name another has too, is not kept. */
function oldTasks(yaml: YamlText): OldTask[] {
  const root = yaml.root;
  const node = isMap(root) ? yaml.entries(root).get("tasks")?.value : undefined;
  const list = node ? yaml.resolve(node) : undefined;
  if (!isSeq(list)) return [];
  return yaml.items(list).flatMap((item, index) => {
    const map = item === null ? undefined : yaml.resolve(item);
    return isMap(map) ? [{ index, item, map, shown: shownTask(yaml, map) }] : [];
  });
}

/** The task as the file is to show it. */
function merged(update: TaskUpdate, old: OldTask | undefined): Record<string, unknown> {
  const kept = Object.entries(old?.shown ?? {}).filter(([key]) => !update.values.has(key) && !REPLACED.has(key));
  const set = [...update.values].filter(([, value]) => value !== null);
  return Object.fromEntries([...kept, ...set]);
}

/** What to do to the mapping of an old task: keys that are left out although they are replaced become null. */
function changesOf(update: TaskUpdate, old: OldTask): Map<string, unknown> {
  const left = Object.keys(old.shown).filter((key) => REPLACED.has(key) && !update.values.has(key));
  return new Map([...left.map((key) => [key, null] as const), ...update.values]);
}

/** Everything above the tasks but the tasks, as text that tells two of them apart. */
function freeKeys(yaml: YamlText): string {
  const root = yaml.root;
  if (!isMap(root)) return "";
  const found = [...yaml.entries(root)]
    .filter(([key]) => key !== "tasks")
    .map(([key, { value }]) => [key, yaml.json(value)]);
  return JSON.stringify(found);
}

/** A text as a tree, if it has just these tasks, and above them what was there. */
function parsed(text: string, wanted: readonly Record<string, unknown>[], free: string): YamlText | undefined {
  try {
    const yaml = new YamlText(text);
    const tasks = taskMaps(yaml).map((map) => shownTask(yaml, map));
    return isDeepStrictEqual(tasks, wanted) && freeKeys(yaml) === free ? yaml : undefined;
  } catch (error) {
    if (error instanceof TextProblem) return undefined;
    throw error;
  }
}

function render(yaml: YamlText): string {
  visit(yaml.document, {
    // A scalar that is empty would be written as an empty text; it means null, but for a key.
    Scalar: (place, scalar) => {
      if (scalar.value !== "" || scalar.type !== "PLAIN" || scalar.tag !== undefined) return;
      if (place === "key") scalar.type = "QUOTE_DOUBLE";
      else scalar.value = "~";
    },
  });
  try {
    return yaml.document.toString({ lineWidth: 0, flowCollectionPadding: false });
  } catch (error) {
    throw new TextProblem(error instanceof Error ? error.message : "it cannot be written");
  }
}

function lineEndingsOf(source: string, text: string): string {
  return /\r\n/.test(source) ? text.replace(/\r?\n/g, "\r\n") : text;
}
