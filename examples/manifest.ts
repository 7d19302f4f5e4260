import * as yaml from "js-yaml";
import { checkMainFile } from "../crds/main-yml.ts";
import { summary } from "../crds/problem.ts";
import { validateDefinition } from "../crds/validate.ts";

const HEADER = "# Made from main.yml and the files beside it by `npm run generate`; do not edit.\n";

/** An example directory: the text of its main.yml and of the files that its tasks read. */
export interface Example {
  name: string;
  main: string;
  files: Record<string, string>;
}

/**
 * The example as a custom resource: a Job where tasks read files, which a Pipeline then names; otherwise a Pipeline with
 * its tasks inline, so that one `kubectl apply` runs it. Throws an Error that names the example and what is wrong with it.
 */
export function manifest({ name, main, files }: Example): { file: "job.yaml" | "pipeline.yaml"; text: string } {
  const { file, problems } = checkMainFile(main);
  if (problems.length === 0) problems.push(...validateDefinition(file.tasks, files));
  if (problems.length > 0) throw new Error(`examples/${name}/main.yml: ${summary(problems)}`);
  if (Object.keys(files).length === 0) {
    return { file: "pipeline.yaml", text: toYaml("Pipeline", name, { tasks: file.tasks }) };
  }
  return { file: "job.yaml", text: toYaml("Job", name, { path: name, tasks: file.tasks, files }) };
}

function toYaml(kind: string, name: string, spec: object): string {
  const object = { apiVersion: "odin.io/v1", kind, metadata: { name }, spec };
  return HEADER + yaml.dump(object, { lineWidth: -1, noRefs: true, quotingType: '"' });
}
