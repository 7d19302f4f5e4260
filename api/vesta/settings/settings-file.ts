import { readFileSync } from "node:fs";
import { type Document, isMap, isScalar, parseDocument } from "yaml";
import { parsedAs, SettingProblem, type Settings } from "../../../settings/settings.ts";

/** What a settings file says. */
export interface FileSettings {
  /** Values by the keys of the table of settings. */
  values: Readonly<Record<string, unknown>>;
  /** Keys of the file that are no options. */
  unknown: readonly string[];
}

const MOST_BYTES = 1024 * 1024;
const PREFIX = "VESTA_";

/**
 * Reads the file of V-68: YAML, a map from options in capitals (`TERM_WIDTH`) to their values. A value is taken as it is written, so that `TOKEN: 0000` is
 * four digits; one that is empty or null counts as absent. Throws a `SettingProblem` that names the file and the option.
 */
export function readSettingsFile(name: string, path: string, options: Settings): FileSettings {
  const content = parsed(name, path);
  const keys = new Map(Object.entries(options).map(([key, { env }]) => [env, key]));
  const values: Record<string, unknown> = {};
  const unknown: string[] = [];
  if (content.contents === null || isNothing(content.contents)) return { values, unknown };
  if (!isMap(content.contents)) throw new SettingProblem(`${name} ${path}: must be a map like TERM_WIDTH: 100`);
  for (const { key: node, value } of content.contents.items) {
    const key = isScalar(node) ? String(node.value) : "";
    const own = keys.get(`${PREFIX}${key}`);
    const setting = own === undefined ? undefined : options[own];
    if (own === undefined || setting === undefined) {
      unknown.push(key.slice(0, 100));
      continue;
    }
    const text = textOf(value, content);
    if (text !== undefined) values[own] = parsedAs(`${name} ${path}: ${key}`, setting, text);
  }
  return { values, unknown };
}

function parsed(name: string, path: string): Document {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new SettingProblem(`${name} ${path}: cannot be read (${(error as NodeJS.ErrnoException).code ?? "error"})`);
  }
  if (text.length > MOST_BYTES) throw new SettingProblem(`${name} ${path}: has more than 1 MiB`);
  const content = parseDocument(text);
  const [problem] = content.errors;
  if (problem === undefined) return content;
  const { line = 0 } = problem.linePos?.[0] ?? {};
  throw new SettingProblem(`${name} ${path}: line ${line} is no YAML (${problem.code})`);
}

/** The text of a value as an environment variable would have it; undefined where there is none. */
function textOf(node: unknown, content: Document): string | undefined {
  if (node === null || isNothing(node)) return undefined;
  if (!isScalar(node)) {
    const value: unknown = (node as { toJS(document: Document): unknown }).toJS(content);
    return isTextList(value) ? value.join(",") : JSON.stringify(value);
  }
  if (typeof node.value === "string") return node.value;
  return node.source ?? String(node.value);
}

function isNothing(node: unknown): boolean {
  return isScalar(node) && node.value === null;
}

/** As several addresses may be written. */
function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((entry) => typeof entry === "string");
}
