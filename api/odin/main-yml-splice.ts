import { isMap, isSeq, type Node } from "yaml";
import type { YamlText } from "../../crds/yaml-text.ts";

/** One task of the new list: which old one it stands for, and whether that one's text can stay. */
export interface TaskOrigin {
  old: number | undefined;
  unchanged: boolean;
}

/** Where the tasks stand in a text, in characters. It stays right while the tree is edited. */
export interface TaskLayout {
  source: string;
  /** Column of the dashes and the place of each task; absent where the list is not written with one dash for each task. */
  list?: { column: number; bodies: TaskLines[] };
  /** From behind the colon of `tasks` to the end of its value; absent where that cannot be told. */
  value?: { start: number; end: number };
}

/** A task begins at its dash; its last line is followed by comments that belong to it, which end at `end`. */
interface TaskLines {
  start: number;
  lastLine: number;
  end: number;
}

/** Finds the tasks of a file as it was parsed. */
export function taskLayout(yaml: YamlText): TaskLayout {
  const list = taskLines(yaml);
  const value = valueRange(yaml);
  return { source: yaml.source, ...(list === undefined ? {} : { list }), ...(value === undefined ? {} : { value }) };
}

/**
 * The old text with the tasks of `next` in it: tasks that did not change are the old text, comments above and below a task stay with it, and
 * everything around the list stays. Undefined where the lists are not written so that this can be done; the caller checks that the result says
 * what it should.
 */
export function spliceTasks(old: TaskLayout, next: TaskLayout, origins: readonly TaskOrigin[]): string | undefined {
  const first = old.list?.bodies[0];
  const last = old.list?.bodies.at(-1);
  if (old.list === undefined || next.list === undefined || first === undefined || last === undefined) return undefined;
  const { column, bodies } = old.list;
  const { column: nextColumn, bodies: nextBodies } = next.list;
  if (origins.length === 0 || nextBodies.length !== origins.length) return undefined;
  const pieces = origins.map((origin, index) => {
    const was = origin.old === undefined ? undefined : bodies[origin.old];
    const above = bodies[(origin.old ?? 0) - 1];
    const lead = was && above ? old.source.slice(above.end, lineStart(old.source, was.start)) : "";
    if (was !== undefined && origin.unchanged)
      return lead + moved(old.source.slice(was.start, was.end), column, column);
    const is = nextBodies[index];
    const text = is === undefined ? "" : moved(next.source.slice(is.start, is.lastLine), nextColumn, column);
    return lead + text + (was === undefined ? "" : old.source.slice(was.lastLine, was.end));
  });
  return old.source.slice(0, lineStart(old.source, first.start)) + pieces.join("") + old.source.slice(last.end);
}

/** The old text with the whole value of `tasks` taken from `next`; for lists that are written in another way. */
export function replaceTasks(old: TaskLayout, next: TaskLayout): string | undefined {
  if (old.value === undefined || next.value === undefined) return undefined;
  const value = next.source.slice(next.value.start, next.value.end).trimEnd();
  const rest = old.source.slice(old.value.end);
  return `${old.source.slice(0, old.value.start)}${value}${/^[ \t]*(#|\r?\n|$)/.test(rest) ? "" : "\n"}${rest}`;
}

/** From behind the colon of `tasks` to the end of its value. */
function valueRange(yaml: YamlText): { start: number; end: number } | undefined {
  const { root } = yaml;
  if (!isMap(root) || root.flow) return undefined;
  const pair = root.items.findLast(({ key }) => String(key) === "tasks");
  const key = pair?.key as Node | undefined;
  const value = pair?.value as Node | null | undefined;
  const colon = yaml.source.indexOf(":", key?.range?.[1] ?? 0);
  if (!key?.range || !value || colon < 0) return undefined;
  return { start: colon + 1, end: lastOffset(value) ?? colon + 1 };
}

function taskLines(yaml: YamlText): TaskLayout["list"] {
  const { root, source } = yaml;
  const value = isMap(root) ? yaml.entries(root).get("tasks")?.value : undefined;
  if (!isSeq(value) || value.srcToken?.type !== "block-seq") return undefined;
  const dashes = value.srcToken.items.flatMap(({ start }) => start.filter(({ type }) => type === "seq-item-ind"));
  if (dashes.length !== value.items.length) return undefined;
  const columns = dashes.map(({ offset }) => offset - lineStart(source, offset));
  const column = columns[0] ?? 0;
  const alone = dashes.every(({ offset }) => source.slice(lineStart(source, offset), offset).trim() === "");
  if (!alone || columns.some((other) => other !== column)) return undefined;
  const bodies = dashes.map(({ offset }, index) => {
    const item = value.items[index] as Node | null;
    const lastLine = endOfLine(source, (item && lastOffset(item)) ?? offset + 1);
    return { start: offset, lastLine, end: commentsEnd(source, lastLine, column) };
  });
  return { column, bodies };
}

/** End of the last thing written in a node. */
function lastOffset(node: Node): number | undefined {
  const block = (isMap(node) || isSeq(node)) && !node.flow;
  if (!block) return node.range?.[1];
  const last = node.items.at(-1);
  if (last === undefined) return node.range?.[1];
  if (!isMap(node)) return last === null ? undefined : lastOffset(last as Node);
  const { key, value } = node.items.at(-1) ?? {};
  const end = value ? lastOffset(value as Node) : undefined;
  return end ?? (key as Node | undefined)?.range?.[1];
}

/** The end of the line that something ends in at `offset`; a block of text ends behind its newline already. */
function endOfLine(source: string, offset: number): number {
  return offset > 0 && source[offset - 1] === "\n" ? offset : lineEnd(source, offset);
}

/** The end of the comments below a task that are indented more than its dash: they belong to it. */
function commentsEnd(source: string, lastLine: number, column: number): number {
  let end = lastLine;
  for (let next = end; next < source.length; next = lineEnd(source, next)) {
    const line = source.slice(next, lineEnd(source, next));
    if (line.trim() === "") continue;
    const indent = line.length - line.trimStart().length;
    if (!line.trimStart().startsWith("#") || indent <= column) break;
    end = lineEnd(source, next);
  }
  return end;
}

/** The text of a task, whose dash stood at column `from`, with its dash at column `to` and a newline at the end. */
function moved(body: string, from: number, to: number): string {
  const [dash = "", ...lines] = body.split("\n");
  const shifted = lines.map((line) =>
    line.trim() === "" || from === to ? line : " ".repeat(to) + line.slice(Math.min(from, line.search(/\S/))),
  );
  const text = [" ".repeat(to) + dash, ...shifted].join("\n");
  return text.endsWith("\n") ? text : `${text}\n`;
}

function lineStart(source: string, offset: number): number {
  return source.lastIndexOf("\n", offset - 1) + 1;
}

function lineEnd(source: string, offset: number): number {
  const end = source.indexOf("\n", offset);
  return end < 0 ? source.length : end + 1;
}
