import { TASK_NAME } from "../../crds/task.ts";
import { ApiError } from "../errors.ts";

const MAX_JOB_ID = 200;
/** Most segments of a job id. */
export const MAX_SEGMENTS = 8;
const SEGMENT = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
/** Longest name of a Kubernetes object. */
const MAX_OBJECT_NAME = 253;
const OBJECT_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const CONTAINER_NAME = new RegExp(`^${TASK_NAME}$`);

/** The job id that a text from a URL, a body or a `q` means: every `__` and `%2F` stands for `/` (O-10). */
export function jobIdText(text: string): string {
  return text.replace(/__|%2F/gi, "/");
}

/** The job id in a text, or undefined if it breaks the grammar of O-10. */
export function parseJobId(text: string): string | undefined {
  const id = jobIdText(text);
  const segments = id.split("/");
  const valid = id.length <= MAX_JOB_ID && segments.length <= MAX_SEGMENTS && segments.every((s) => SEGMENT.test(s));
  return valid ? id : undefined;
}

/** Whether a text is a job id as replies show it: in the grammar of O-10, with no `__` in it. */
export function isJobId(text: string): boolean {
  return parseJobId(text) === text;
}

/** Whether a text can be the name of a Kubernetes object; anything else is never looked up (O-12). */
export function isObjectName(text: string): boolean {
  return text.length <= MAX_OBJECT_NAME && OBJECT_NAME.test(text);
}

/** Whether a text can be the name of a container. */
export function isContainerName(text: string): boolean {
  return text.length <= 63 && CONTAINER_NAME.test(text);
}

/** The 404 for a job; the id comes from the caller and is shown cut. */
export function jobUnknown(id: string): ApiError {
  return new ApiError("JobUnknown", `there is no job ${shown(id)}; GET /v1/jobs lists them`);
}

/** The 404 for a file of a job. */
export function fileUnknown(id: string, name: string): ApiError {
  return new ApiError("FileUnknown", `job ${shown(id)} has no file ${shown(name)}; GET /v1/jobs shows what it has`);
}

/** The 409 for a change of a job that the jobs repository does not keep (O-14). */
export function jobElsewhere(id: string): ApiError {
  const detail = `job ${shown(id)} was applied to the cluster; change it there, with kubectl, or choose another id`;
  return new ApiError("JobElsewhere", detail);
}

/** The 404 for a pipeline. */
export function pipelineUnknown(id: string): ApiError {
  return new ApiError("PipelineUnknown", `there is no pipeline ${shown(id)}; GET /v1/pipelines lists them`);
}

/** The 404 for anything that events, data or logs were asked of (O-220). */
export function resourceUnknown(id: string): ApiError {
  return new ApiError("ResourceUnknown", `${shown(id)} is no pipeline, task or pod of one`);
}

function shown(id: string): string {
  return JSON.stringify(id.length > 100 ? `${id.slice(0, 97)}...` : id);
}
