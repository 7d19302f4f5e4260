import { TextProblem } from "./problem.ts";
import { quoted } from "./variables.ts";

/** A value that one task hands to another: `task.field[.field…]` (O-151). */
export interface Reference {
  task: string;
  path: readonly string[];
}

/** Gives the value a reference stands for; `undefined` = there is none. */
export type Resolve = (reference: Reference) => unknown;

const INNERMOST = /\{\^([^{}^]*)\}/;
const TASK = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
/** Nested references are resolved inside-out; more rounds than this is not a reference but an attack. */
const MAX_ROUNDS = 256;

function parse(body: string, text: string): Reference {
  const [task, ...path] = body.split(".");
  if (task === undefined || !TASK.test(task)) {
    throw new TextProblem(`reference ^${body} in ${quoted(text)} does not start with the name of a task`);
  }
  if (path.length === 0 || path.some((field) => field === "")) {
    throw new TextProblem(
      `reference ^${body} in ${quoted(text)} names no field; write ^${task}.outputs.<name>, for example`,
    );
  }
  return { task, path };
}

/** Texts go in as they are, numbers and booleans as JSON, objects and lists as JSON text (O-151). */
function asText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * Replaces references in an `args` or `inputs` element: the whole element `^task.field`, or `{^task.field}` inside it, from the
 * innermost braces outwards. Other braces stay. Throws `TextProblem` for a bad reference or one without a value.
 */
export function resolveReferences(text: string, resolve: Resolve): string {
  const value = (body: string): string => {
    const found = resolve(parse(body, text));
    if (found === undefined || found === null) throw new TextProblem(`reference ^${body} not found`);
    return asText(found);
  };
  if (text.startsWith("^")) return value(fillBraces(text, value).slice(1));
  return fillBraces(text, value);
}

function fillBraces(text: string, value: (body: string) => string): string {
  // Values are put in as they are: one that holds braces must not be read as a reference of its own (they came from a task).
  // A replaced part is therefore kept aside under a private-use mark until all braces are done.
  const kept: string[] = [];
  const restore = (part: string): string =>
    part.replace(/\uE000(\d+)\uE001/g, (_, index: string) => kept[Number(index)] ?? "");
  let rest = text.replaceAll("\uE000", "").replaceAll("\uE001", "");
  for (let round = 0; ; round++) {
    const match = INNERMOST.exec(rest);
    if (match === null) return restore(rest);
    if (round === MAX_ROUNDS) throw new TextProblem(`more than ${MAX_ROUNDS} references in ${quoted(text)}`);
    kept.push(value(restore(match[1] ?? "")));
    rest = `${rest.slice(0, match.index)}\uE000${kept.length - 1}\uE001${rest.slice(match.index + match[0].length)}`;
  }
}

/**
 * The tasks that a text refers to, each of which must end before the text can be filled in (O-152).
 * Throws `TextProblem` for a reference without a task or a field. An inner reference may give a field but not a task.
 */
export function referencedTasks(text: string): string[] {
  if (!text.includes("^")) return [];
  const tasks: string[] = [];
  resolveReferences(text, (reference) => {
    tasks.push(reference.task);
    return "x";
  });
  return tasks;
}
