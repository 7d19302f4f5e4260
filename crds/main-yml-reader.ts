import { isMap, isScalar, isSeq, type Node, type YAMLMap, type YAMLSeq } from "yaml";
import type { SecretMount, Task } from "./generated/types.ts";
import type { MainFile } from "./main-yml.ts";
import {
  camelCase,
  isSingular,
  type Keys,
  knownKey,
  REQUIRED_TASK_KEYS,
  type Shape,
  snakeCase,
  TASK_KEYS,
  TOP_KEYS,
} from "./main-yml-keys.ts";
import { type Problem, TextProblem } from "./problem.ts";
import { taskKindOf } from "./task-kinds.ts";
import { plainValue } from "./yaml-scalar.ts";
import type { YamlText } from "./yaml-text.ts";

/** A key of a mapping: how it is spelled in the file, and its value. */
export interface KnownEntry {
  spelling: string;
  node: Node;
}

/** Most problems that are told of one file. */
export const MAX_PROBLEMS = 20;
/** Where clients find what tasks need to call this API, and to log in elsewhere (O-129). */
const SECRET_DEFAULTS: Readonly<Record<string, { path: string; subPath: string; mode?: number }>> = {
  "odin-cred": { path: "/etc/odind/odin-cred.yml", subPath: "odin-cred.yml" },
  "ssh-key": { path: "/etc/odind/identity", subPath: "identity", mode: 0o400 },
};

/**
 * The known keys of a mapping whose value is not null, by their names in camelCase; the singular wins over the plural (O-121). One key in both
 * spellings with two values throws a `TextProblem`: nobody can say which is meant.
 */
export function knownEntries(yaml: YamlText, map: YAMLMap, keys: Keys): Map<string, KnownEntry> {
  const found = new Map<string, KnownEntry>();
  for (const [spelling, { key, value }] of yaml.entries(map)) {
    const name = knownKey(spelling, keys);
    if (name === undefined || value === null || yaml.isNull(value)) continue;
    const other = found.get(name);
    if (other !== undefined && camelCase(other.spelling) === camelCase(spelling)) {
      if (JSON.stringify(yaml.json(other.node)) !== JSON.stringify(yaml.json(value)))
        throw new TextProblem(
          `${yaml.placeOf(key)}: ${spelling} says something else than ${other.spelling}; keep one of the two`,
        );
    }
    if (other === undefined || isSingular(spelling)) found.set(name, { spelling, node: value });
  }
  return found;
}

/** Thrown when there are more problems than anybody reads. */
export class TooManyProblems extends Error {}

/** Reads the known keys of one `main.yml`; problems go to the list that it is given, and what has one is left out. */
export class MainFileReader {
  readonly #yaml: YamlText;
  readonly #problems: Problem[];
  readonly #places: boolean;
  #task: string | undefined;

  /** `places` tells whether problems begin with line and column. */
  constructor(yaml: YamlText, problems: Problem[], places = true) {
    this.#yaml = yaml;
    this.#places = places;
    this.#problems = problems;
  }

  file(): MainFile {
    const yaml = this.#yaml;
    const root = yaml.root === null ? undefined : yaml.resolve(yaml.root);
    if (!isMap(root)) throw new TextProblem(`${this.#place(root)}must be a mapping with a list of tasks`);
    const { name, failFast, runPolicy } = this.#keys(root, TOP_KEYS, "") as Omit<MainFile, "tasks">;
    const node = yaml.entries(root).get("tasks")?.value ?? null;
    const list = node === null ? undefined : yaml.resolve(node);
    const tasks: Task[] = [];
    if (isSeq(list)) for (const [index, item] of yaml.items(list).entries()) this.#readTask(item, index, tasks);
    else this.#problem("tasks", node ?? root, "tasks must be a list; write `tasks: []` for none");
    return {
      tasks,
      ...(name === undefined ? {} : { name }),
      ...(failFast === undefined ? {} : { failFast }),
      ...(runPolicy === undefined ? {} : { runPolicy }),
    };
  }

  /** `line 3, column 7: ` of what a path (`tasks[2].args[0]`) names, or of the nearest thing around it that is in the file. */
  placeOf(path: string): string {
    const yaml = this.#yaml;
    let node = yaml.root;
    let keys: Keys = { ...TOP_KEYS, tasks: { kind: "text" } };
    for (const [step] of path.matchAll(/[^.[\]]+/g)) {
      const here = node === null ? undefined : yaml.resolve(node);
      let next: Node | null | undefined;
      if (isSeq(here)) next = yaml.items(here)[Number(step)];
      else if (isMap(here)) {
        // Keys of the file, when none of the known ones is meant.
        next = knownEntries(yaml, here, keys).get(step)?.node ?? yaml.entries(here).get(step)?.value;
        const shape = Object.hasOwn(keys, step) ? keys[step] : undefined;
        keys = step === "tasks" ? TASK_KEYS : keysOf(shape);
      }
      if (next === null || next === undefined) break;
      node = next;
    }
    return this.#place(node);
  }

  #place(node: Node | null | undefined): string {
    if (!this.#places) return "";
    return node === null || node === undefined ? "line 1, column 1: " : `${this.#yaml.placeOf(node)}: `;
  }

  #readTask(item: Node | null, index: number, tasks: Task[]): void {
    const path = `tasks[${index}]`;
    const map = item === null ? undefined : this.#yaml.resolve(item);
    if (item === null || !isMap(map)) {
      this.#problem(path, item ?? undefined, "a task must be a mapping");
      return;
    }
    const { name } = Object.fromEntries(this.#yaml.entries(map));
    this.#task = name?.value && !this.#yaml.isNull(name.value) ? this.#scalarText(name.value) : undefined;
    const before = this.#problems.length;
    const task = this.#keys(map, TASK_KEYS, path);
    if (this.#problems.length === before) {
      for (const key of REQUIRED_TASK_KEYS)
        if (task[key] === undefined) this.#problem(`${path}.${key}`, item, `the task needs ${key}`);
    }
    if (this.#problems.length === before) tasks.push(canonicalTask(task as unknown as Task));
    this.#task = undefined;
  }

  #keys(map: YAMLMap, keys: Keys, path: string): Record<string, unknown> {
    const result: [string, unknown][] = [];
    let entries: Map<string, KnownEntry>;
    try {
      entries = knownEntries(this.#yaml, map, keys);
    } catch (error) {
      if (!(error instanceof TextProblem)) throw error;
      this.#problems.push({ path: path || "main.yml", ...this.#taskName(), detail: error.message });
      return {};
    }
    for (const [name, shape] of Object.entries(keys)) {
      const entry = entries.get(name);
      if (entry === undefined) continue;
      const value = this.#value(shape, entry.node, path === "" ? name : `${path}.${name}`, entry.spelling);
      if (value !== undefined) result.push([name, value]);
    }
    return Object.fromEntries(result);
  }

  /** The value at a node, or undefined after a problem. `label` is what the user calls it. */
  #value(shape: Shape, node: Node, path: string, label: string): unknown {
    const target = this.#yaml.resolve(node);
    const wrong = (what: string): undefined => this.#problem(path, node, `${label} must be ${what}`);
    switch (shape.kind) {
      case "text":
        return isScalar(target) && !this.#yaml.isNull(node) ? String(target.value) : wrong("a text");
      case "flag": {
        const value = isScalar(target) && this.#yaml.typeOf(target) === "bool" ? plainValue(String(target.value)) : "";
        return typeof value === "boolean" ? value : wrong("true or false");
      }
      case "integer": {
        const value = isScalar(target) && this.#yaml.typeOf(target) === "int" ? plainValue(String(target.value)) : "";
        if (typeof value !== "number") return wrong("a whole number");
        if (value < (shape.least ?? value)) return wrong(`at least ${shape.least}`);
        return value > (shape.most ?? value) ? wrong(`at most ${shape.most}`) : value;
      }
      case "mode":
        return (isScalar(target) ? fileMode(String(target.value)) : undefined) ?? wrong("a file mode like 0644");
      case "one or many":
        if (isSeq(target)) return this.#list(shape.item, target.items as (Node | null)[], path, label);
        return this.#list(shape.item, [node], path, label, true);
      case "list":
        if (!isSeq(target)) return wrong("a list");
        return this.#list(shape.item, target.items as (Node | null)[], path, label);
      case "object":
        return isMap(target) ? this.#object(shape.keys, shape.required, target, path, label) : wrong("a mapping");
      case "free":
        return isMap(target) ? this.#yaml.json(target) : wrong("a mapping");
      case "texts":
        return isMap(target) ? this.#texts(target, path, label) : wrong("a mapping");
      case "selector":
        if (isSeq(target)) return this.#pairs(this.#yaml.items(target), path, label);
        return isMap(target) ? this.#texts(target, path, label) : wrong("a mapping, or a list of key and value");
      case "outputs":
        return isMap(target) || isSeq(target) ? this.#outputs(target, path, label) : wrong("a mapping or a list");
    }
  }

  #list(item: Shape, nodes: readonly (Node | null)[], path: string, label: string, single = false): unknown[] {
    const values = nodes.map((node, index) => {
      const at = single ? path : `${path}[${index}]`;
      const name = single ? label : `${label}[${index}]`;
      if (node === null || this.#yaml.isNull(node))
        return this.#problem(at, node ?? undefined, `${name} must not be null`);
      return this.#value(item, node, at, name);
    });
    return values.filter((value) => value !== undefined);
  }

  #object(keys: Keys, required: readonly string[], map: YAMLMap, path: string, label: string): unknown {
    const before = this.#problems.length;
    const values = this.#keys(map, keys, path);
    if (this.#problems.length > before) return undefined;
    for (const key of required)
      if (values[key] === undefined) this.#problem(`${path}.${key}`, map, `${label} needs ${snakeCase(key)}`);
    return values;
  }

  #texts(map: YAMLMap, path: string, label: string): Record<string, unknown> {
    const found = [...this.#yaml.entries(map)].flatMap(([key, { value }]): [string, unknown][] =>
      value === null || this.#yaml.isNull(value)
        ? []
        : [[key, this.#value({ kind: "text" }, value, `${path}.${key}`, `${label}.${key}`)]],
    );
    return Object.fromEntries(found.filter(([, value]) => value !== undefined));
  }

  /** A list of `{key, value}` (O-136). */
  #pairs(items: readonly (Node | null)[], path: string, label: string): Record<string, unknown> {
    const shape: Shape = {
      kind: "object",
      keys: { key: { kind: "text" }, value: { kind: "text" } },
      required: ["key", "value"],
    };
    const pairs = this.#list(shape, items, path, label) as { key: string; value: string }[];
    return Object.fromEntries(pairs.map(({ key, value }) => [key, value]));
  }

  /** A list counts as `"0"`, `"1"`, … (O-140). Several paths of one name are joined by blanks. */
  #outputs(target: YAMLMap | YAMLSeq, path: string, label: string): Record<string, string> {
    const entries = isSeq(target)
      ? this.#yaml.items(target).map((node, index) => [String(index), node] as const)
      : [...this.#yaml.entries(target)].map(([key, { value }]) => [key, value] as const);
    const found: [string, string][] = [];
    for (const [key, node] of entries) {
      if (node === null || this.#yaml.isNull(node)) continue;
      const paths = this.#value(
        { kind: "one or many", item: { kind: "text" } },
        node,
        `${path}.${key}`,
        `${label}.${key}`,
      );
      if (Array.isArray(paths)) found.push([key, paths.join(" ")]);
    }
    return Object.fromEntries(found);
  }

  #scalarText(node: Node): string | undefined {
    const target = this.#yaml.resolve(node);
    return isScalar(target) ? String(target.value) : undefined;
  }

  #taskName(): { task?: string } {
    return this.#task === undefined ? {} : { task: this.#task };
  }

  #problem(path: string, node: Node | undefined, detail: string): undefined {
    // More are not shown; a file with a million of them must not fill the memory.
    if (this.#problems.length >= MAX_PROBLEMS) throw new TooManyProblems();
    this.#problems.push({ path, ...this.#taskName(), detail: `${this.#place(node)}${detail}` });
    return undefined;
  }
}

/** The keys inside of a value. */
function keysOf(shape: Shape | undefined): Keys {
  if (shape?.kind === "one or many" || shape?.kind === "list") return keysOf(shape.item);
  return shape?.kind === "object" ? shape.keys : {};
}

/** A file mode, octal with a leading 0 whether in quotes or not (O-120); undefined for anything else. */
function fileMode(text: string): number | undefined {
  if (/^0o?[0-7]+$/.test(text)) return Number.parseInt(text.replace(/^0o?/, ""), 8);
  return /^(0|[1-9][0-9]{0,3})$/.test(text) ? Number(text) : undefined;
}

/** A task in the form of the custom resource: old spellings gone (O-126), defaults of known Secrets filled in (O-129). */
function canonicalTask(task: Task): Task {
  return {
    ...task,
    ...(task.depends === undefined
      ? {}
      : { depends: [...new Set(task.depends.map((name) => name.replace(/^\^/, "")))] }),
    ...(task.secrets === undefined ? {} : { secrets: task.secrets.map(secretWithDefaults) }),
    // An unknown kind stays as it is written, for the check of the definition to name.
    ...(task.resourceType === undefined ? {} : { resourceType: taskKindOf(task.resourceType) ?? task.resourceType }),
  };
}

function secretWithDefaults(secret: Partial<SecretMount> & { name: string }): SecretMount {
  const defaults = Object.hasOwn(SECRET_DEFAULTS, secret.name) ? SECRET_DEFAULTS[secret.name] : undefined;
  const { path, subPath, mode } = defaults ?? { path: "" };
  return {
    ...(secret.path === undefined && subPath !== undefined ? { subPath } : {}),
    ...(mode === undefined ? {} : { mode }),
    ...secret,
    path: secret.path ?? path,
  };
}
