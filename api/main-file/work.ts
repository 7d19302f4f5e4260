import { checkMainFile, type MainFileResult } from "../../crds/main-yml.ts";
import { type EditResult, editTasks } from "../odin/main-yml-edit.ts";
import { type MainFileView, taskViews } from "../odin/main-yml-view.ts";
import { type RenderedJob, renderJob } from "../odin/rendered-job.ts";
import type { TaskUpdate } from "../odin/task-update.ts";
import type { Mapping } from "../templates/value.ts";

/** Work on texts of users that takes time: what is to be done, as a message can hold it. */
export type MainFileWork =
  | { kind: "check"; text: string; places: boolean }
  | { kind: "views"; text: string; jobId: string }
  | { kind: "edit"; text: string | undefined; updates: readonly TaskUpdate[] | undefined }
  | { kind: "render"; files: Readonly<Record<string, Uint8Array>>; context: Mapping };

/** The result of each kind of work. */
export interface MainFileResults {
  check: MainFileResult;
  views: MainFileView;
  edit: EditResult;
  render: RenderedJob;
}

/** Does it, wherever it is called. */
export async function doWork(work: MainFileWork): Promise<MainFileResults[MainFileWork["kind"]]> {
  switch (work.kind) {
    case "check":
      return checkMainFile(work.text, { places: work.places });
    case "views":
      return taskViews(work.text, work.jobId);
    case "edit":
      return editTasks(work.text, work.updates);
    case "render":
      return await renderJob(buffers(work.files), work.context);
  }
}

/** Bytes that came as a message are no Buffers any more. */
export function buffers(files: Readonly<Record<string, Uint8Array>>): Record<string, Buffer> {
  return Object.fromEntries(
    Object.entries(files).map(([name, { buffer, byteOffset, byteLength }]) => [
      name,
      Buffer.from(buffer, byteOffset, byteLength),
    ]),
  );
}
