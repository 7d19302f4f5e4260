import { setImmediate as nextTurn } from "node:timers/promises";
import { parseAllDocuments } from "yaml";
import { MAX_FILES_BYTES } from "../../crds/limits.ts";
import { type Problem, TextProblem } from "../../crds/problem.ts";
import type { FileContents } from "../git/frozen-job.ts";
import { MAIN_FILE } from "../git/work-tree.ts";
import { Budget } from "../templates/budget.ts";
import { renderTemplate } from "../templates/render.ts";
import type { Mapping } from "../templates/value.ts";

/** The files of one launch of a job that has templates (O-153). */
export interface RenderedJob {
  /** Text of `main.yml`, rendered or not. */
  main?: string;
  files: FileContents;
  problems: Problem[];
}

const SUFFIX = ".jinja2";

/**
 * Renders every `*.jinja2` among the files with `context`, and puts the others beside the results; a rendered file wins over one of its name.
 * Problems name the template, with line and column. One budget is for all templates together.
 */
export async function renderJob(files: FileContents, context: Mapping): Promise<RenderedJob> {
  const problems: Problem[] = [];
  const budget = new Budget();
  const names = Object.keys(files);
  const found = new Map(names.filter((name) => !name.endsWith(SUFFIX)).map((name) => [name, files[name]]));
  for (const name of names.filter((one) => one.endsWith(SUFFIX))) {
    // One template may take a tenth of a second: others are served between two.
    await nextTurn();
    try {
      const target = name.slice(0, -SUFFIX.length);
      const text = renderTemplate(utf8(files[name] ?? Buffer.alloc(0)), context, budget);
      if (/\.ya?ml$/.test(target)) checkYaml(text);
      found.set(target, Buffer.from(text));
    } catch (error) {
      if (!(error instanceof TextProblem)) throw error;
      problems.push({ path: name, detail: error.message });
    }
  }
  const rendered: FileContents = Object.fromEntries(
    [...found].map(([name, bytes]) => [name, bytes ?? Buffer.alloc(0)]),
  );
  const bytes = Object.entries(rendered).reduce((sum, [name, file]) => sum + file.length + Buffer.byteLength(name), 0);
  if (bytes > MAX_FILES_BYTES)
    problems.push({ path: "files", detail: `${bytes} bytes of rendered files; the most is ${MAX_FILES_BYTES}` });
  const main = found.get(MAIN_FILE);
  if (main === undefined && problems.length === 0)
    problems.push({ path: MAIN_FILE, detail: `is missing; a template of it is called ${MAIN_FILE}${SUFFIX}` });
  return { ...(main === undefined ? {} : { main: main.toString("utf8") }), files: rendered, problems };
}

function utf8(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  if (!Buffer.from(text).equals(bytes)) throw new TextProblem("is not UTF-8 text");
  return text;
}

/** Any YAML will do, whatever its tags and however many documents: only `main.yml` is ours to read. */
function checkYaml(text: string): void {
  const documents = parseAllDocuments(text, {
    version: "1.1",
    uniqueKeys: false,
    prettyErrors: true,
    logLevel: "error",
  });
  const error = "empty" in documents ? undefined : documents.flatMap(({ errors }) => errors)[0];
  if (error === undefined) return;
  const [first] = error.linePos ?? [];
  const place = first === undefined ? "" : `line ${first.line}, column ${first.col} of the result: `;
  throw new TextProblem(`does not give YAML: ${place}${error.message.split("\n")[0]}`);
}
