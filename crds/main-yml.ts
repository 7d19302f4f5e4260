import type { Task } from "./generated/types.ts";
import { JOB_KIND } from "./job.ts";
import { MAX_PROBLEMS, MainFileReader, TooManyProblems } from "./main-yml-reader.ts";
import { type Problem, TextProblem } from "./problem.ts";
import { type RunPolicy, runPolicyProblems } from "./run-policy.ts";
import { schemaProblems } from "./schema-check.ts";
import { validateDefinition } from "./validate.ts";
import { YamlText } from "./yaml-text.ts";

/** A job as `main.yml` says it, in the form of the custom resource. */
export interface MainFile {
  name?: string;
  failFast?: boolean;
  /** How its runs go. */
  runPolicy?: RunPolicy;
  tasks: Task[];
}

/** What was read of a `main.yml`; with problems the file is not to be used. */
export interface MainFileResult {
  file: MainFile;
  problems: Problem[];
}

const FILE_NAME = "main.yml";
/**
 * Reads a `main.yml` (O-120, O-121) and judges it by all that does not depend on the cluster (O-146, O-148): the one check of everything that takes such a
 * file. Problems name task and key, and line and column unless `places` is false: for a text that the user does not see.
 */
export function checkMainFile(source: string | YamlText, { places = true } = {}): MainFileResult {
  return attempt((problems) => {
    const yaml = typeof source === "string" ? new YamlText(source) : source;
    const reader = new MainFileReader(yaml, problems, places);
    const file = reader.file();
    if (problems.length > 0) return file;
    const nameSchema = JOB_KIND.spec.properties?.name;
    if (file.name !== undefined && nameSchema !== undefined) {
      for (const { path, detail } of schemaProblems(file.name, nameSchema, "name"))
        problems.push({ path, detail: `${reader.placeOf(path)}${detail}` });
    }
    for (const { path, detail } of runPolicyProblems(file.runPolicy ?? {}, "runPolicy", file.failFast))
      problems.push({ path, detail: `${reader.placeOf(path)}${detail}` });
    for (const problem of validateDefinition(file.tasks))
      problems.push({ ...problem, detail: `${reader.placeOf(problem.path)}${problem.detail}` });
    return file;
  });
}

function attempt(read: (problems: Problem[]) => MainFile): MainFileResult {
  const problems: Problem[] = [];
  try {
    const file = read(problems);
    return { file, problems: problems.slice(0, MAX_PROBLEMS) };
  } catch (error) {
    if (!(error instanceof TextProblem) && !(error instanceof TooManyProblems)) throw error;
    if (error instanceof TextProblem) problems.push({ path: FILE_NAME, detail: error.message });
    return { file: { tasks: [] }, problems };
  }
}
