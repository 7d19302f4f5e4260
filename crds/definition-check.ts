import { MAX_FILES } from "./limits.ts";
import type { Problem } from "./problem.ts";
import { runPolicyProblems } from "./run-policy.ts";
import type { Definition } from "./snapshot.ts";
import { fileNameProblem, validateDefinition } from "./validate.ts";

const OBJECT_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const JOB_ID = /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*){0,7}$/;
const VERSION = /^[0-9a-f]{7,64}$/;

/**
 * Everything that is wrong with a definition read from a ConfigMap: anyone who may write ConfigMaps may have written it, so what the API server
 * checks of a custom resource is checked here as well.
 */
export function definitionProblems(definition: Definition): Problem[] {
  const { job, version, workPath, rootFiles, files, tasks, failFast, policy } = definition;
  const problems: Problem[] = [];
  const check = (path: string, good: boolean, detail: string): void => {
    if (!good) problems.push({ path, detail });
  };
  check("job", job === undefined || isMatch(job, JOB_ID, 200), "is not the id of a job");
  check("version", version === undefined || isMatch(version, VERSION, 64), "is not 7 to 64 hex digits");
  check("rootFiles", rootFiles === undefined || isMatch(rootFiles, OBJECT_NAME, 253), "is not the name of a ConfigMap");
  check("workPath", workPath === undefined || isPath(workPath), "is not an absolute path without . and .. in it");
  check("failFast", typeof failFast === "boolean", "must be true or false");
  if (policy !== undefined) problems.push(...runPolicyProblems(policy, "policy"));
  check("files", files.length <= MAX_FILES, `${files.length} files; the most is ${MAX_FILES}`);
  check("files", new Set(files).size === files.length, "holds a name twice");
  for (const name of files) {
    const problem = fileNameProblem(name);
    if (problem !== undefined) problems.push(problem);
  }
  return [...problems, ...validateDefinition(tasks)];
}

function isMatch(value: unknown, pattern: RegExp, length: number): boolean {
  return typeof value === "string" && value.length <= length && pattern.test(value);
}

function isPath(value: unknown): boolean {
  if (typeof value !== "string" || value.length > 1024 || !value.startsWith("/") || value.includes(":")) return false;
  return value
    .slice(1)
    .split("/")
    .every((segment) => segment !== "" && segment !== "." && segment !== "..");
}
