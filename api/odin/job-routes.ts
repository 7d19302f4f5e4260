import { Readable } from "node:stream";
import type { RouterContext } from "@koa/router";
import type { Problem } from "../../crds/problem.ts";
import { objectAt, textAt } from "../body.ts";
import { ApiError, invalid } from "../errors.ts";
import { isFileName } from "../git/file-name.ts";
import type { JobMirror } from "../git/job-mirror.ts";
import type { FileWrite, JobsRepository, RepositoryJob } from "../git/jobs-repository.ts";
import { MAIN_FILE } from "../git/work-tree.ts";
import type { MainFiles } from "../main-file/main-files.ts";
import { queryText } from "../query.ts";
import { param, type Route } from "../route.ts";
import { replyWithBytes, replyWithFile } from "./file-reply.ts";
import { fileUnknown, jobElsewhere, jobIdText, jobUnknown, parseJobId } from "./ids.ts";
import type { CatalogJob, JobCatalog } from "./job-catalog.ts";
import { readJobUpdate } from "./job-update.ts";
import { type EditResult, EMPTY_MAIN_FILE } from "./main-yml-edit.ts";
import { requestUser } from "./request-user.ts";
import { searchTest } from "./search.ts";

/** What the routes of jobs and files rest on. */
export interface JobParts {
  catalog: JobCatalog;
  repository: JobsRepository;
  mirror: JobMirror;
  mainFiles: MainFiles;
  /** `ODIN_FS_ROOT`. */
  root: string;
}

type Handler = Route["handle"];

const NO_FILE_NAME =
  'is no name of a file: one segment of at most 255 bytes, none of < > : ; , ? " * | / \\, not starting with . or -';

/** Reading and writing jobs and their files (O-44 to O-47, O-52, O-53). */
export function jobRoutes(parts: JobParts): Route[] {
  return [
    { method: "GET", path: "/v1/jobs", access: "read", handle: listJobs(parts) },
    { method: "POST", path: "/v1/jobs", access: "write", body: "json", handle: createJob(parts) },
    { method: "GET", path: "/v1/jobs/:id", access: "read", handle: getJob(parts) },
    { method: "PUT", path: "/v1/jobs/:id", access: "write", body: "json", handle: updateJob(parts) },
    { method: "GET", path: "/v1/jobs/:id/files/:file", access: "read", handle: getFile(parts) },
    { method: "POST", path: "/v1/jobs/:id/files/:file", access: "write", body: "bytes", handle: uploadFile(parts) },
  ];
}

function listJobs({ catalog }: JobParts): Handler {
  return async (ctx) => {
    const q = queryText(ctx.query, "q");
    const jobs = await catalog.jobs(searchTest(q === undefined ? undefined : jobIdText(q)));
    ctx.type = "json";
    ctx.body = Readable.from(listText(catalog, jobs));
  };
}

/** The list piece by piece: all texts of all jobs together need not fit in memory. */
async function* listText(catalog: JobCatalog, jobs: readonly CatalogJob[]): AsyncGenerator<string> {
  yield '{"jobs":[';
  let separator = "";
  for (const job of jobs) {
    yield separator + (await catalog.shown(job));
    separator = ",";
  }
  yield "]}";
}

function getJob({ catalog }: JobParts): Handler {
  return async (ctx) => {
    const job = await catalog.job(parseJobId(param(ctx, "id")) ?? "");
    if (job === undefined) throw jobUnknown(param(ctx, "id"));
    ctx.type = "json";
    ctx.body = `{"job":${await catalog.shown(job)}}`;
  };
}

function createJob({ catalog, repository, mirror, root }: JobParts): Handler {
  return async (ctx) => {
    const name = textAt("job.", objectAt("job", objectAt("body", ctx.request.body).job), "name");
    const id = parseJobId(name);
    if (id === undefined || !repository.isOpenId(id)) {
      throw invalid("job.name", "is no job id: 1 to 8 segments of letters, digits, . _ and -, joined by / or __");
    }
    await repository.write({
      user: requestUser(ctx),
      message: "via odin-http create_job",
      files: async () => {
        if ((await catalog.job(id)) !== undefined) {
          throw new ApiError(
            "JobExists",
            `there is a job ${JSON.stringify(id)} already; change it with PUT /v1/jobs/{id}`,
          );
        }
        return [[`${id}/${MAIN_FILE}`, Buffer.from(EMPTY_MAIN_FILE)]];
      },
    });
    await mirror.bringUpToDate();
    const creationTime = `${new Date().toISOString().slice(0, -1)}000Z`;
    const job = { creationTime, id, location: `${root}/${id}`, name: id };
    // Both generations of clients find what they look for (O-101).
    ctx.body = { ...job, job };
  };
}

function updateJob({ catalog, repository, mirror, mainFiles }: JobParts): Handler {
  return async (ctx) => {
    const text = param(ctx, "id");
    const id = parseJobId(text);
    if (id === undefined || !repository.isOpenId(id)) throw jobUnknown(text);
    const update = readJobUpdate(ctx.request.body);
    for (const [index, { name }] of update.configs.entries()) {
      if (!isFileName(name)) throw invalid(`configs[${index}].name`, NO_FILE_NAME);
    }
    // Edited before it is this change's turn: others need not wait for it, unless the file changes in between.
    const edit = lastEdit(mainFiles, update.tasks);
    const present = await repository.job(id);
    if (present !== undefined || catalog.applied(id) === undefined) await edit(present);
    await repository.write({
      user: requestUser(ctx),
      message: "via odin-http update_job",
      files: async () => {
        const kept = await repository.job(id);
        if (kept === undefined && catalog.applied(id) !== undefined) throw jobElsewhere(id);
        return [
          ...mainWrites(id, await edit(kept)),
          ...update.configs.map(({ name, content }): FileWrite => [`${id}/${name}`, Buffer.from(content)]),
        ];
      },
    });
    await mirror.bringUpToDate();
    const job = await catalog.job(id);
    if (job === undefined) throw jobUnknown(text);
    ctx.type = "json";
    ctx.body = `{"job":${await catalog.shown(job)}}`;
  };
}

type Edit = (kept: RepositoryJob | undefined) => Promise<EditResult | undefined>;

/** The edit of `main.yml` that a request asks for; undefined where it gives no tasks to a job that is there. Repeated only for another text. */
function lastEdit(mainFiles: MainFiles, tasks: readonly unknown[] | undefined): Edit {
  let last: { main: string | undefined; result: Promise<EditResult> } | undefined;
  return async (kept) => {
    if (kept !== undefined && tasks === undefined) return undefined;
    const main = kept?.main;
    if (last === undefined || last.main !== main)
      last = { main, result: mainFiles.edit(main, tasks === undefined ? {} : { tasks }) };
    return await last.result;
  };
}

function mainWrites(id: string, result: EditResult | undefined): FileWrite[] {
  if (result === undefined) return [];
  if ("problems" in result) throw invalidMain(result.problems);
  return [[`${id}/${MAIN_FILE}`, Buffer.from(result.text)]];
}

function getFile({ catalog }: JobParts): Handler {
  return async (ctx) => {
    const { job, name } = await jobAndFile(ctx, catalog);
    if (job.kept === undefined) {
      const files = job.applied.spec.files ?? {};
      const content = Object.hasOwn(files, name) ? files[name] : undefined;
      if (content === undefined) throw fileUnknown(job.id, name);
      replyWithBytes(ctx, Buffer.from(content));
      return;
    }
    const file = job.kept.files.find((one) => one.name === name);
    if (file === undefined) throw fileUnknown(job.id, name);
    const handle = await file.open().catch(() => {
      throw fileUnknown(job.id, name);
    });
    await replyWithFile(ctx, handle);
  };
}

async function jobAndFile(ctx: RouterContext, catalog: JobCatalog): Promise<{ job: CatalogJob; name: string }> {
  const [text, name] = [param(ctx, "id"), param(ctx, "file")];
  const job = await catalog.job(parseJobId(text) ?? "");
  if (job === undefined) throw jobUnknown(text);
  if (!isFileName(name)) throw fileUnknown(job.id, name);
  return { job, name };
}

function uploadFile({ catalog, repository, mirror, mainFiles, root }: JobParts): Handler {
  return async (ctx) => {
    const [text, name] = [param(ctx, "id"), param(ctx, "file")];
    const id = parseJobId(text);
    if (id === undefined) throw jobUnknown(text);
    if (!isFileName(name)) {
      throw invalid("file", NO_FILE_NAME);
    }
    const bytes = ctx.request.body as Buffer;
    if (name === MAIN_FILE) await checkMain(mainFiles, bytes);
    const { head } = await repository.write({
      user: requestUser(ctx),
      message: "via odin-http upload_job_file",
      files: async () => {
        await keptJob(repository, catalog, id, text);
        return [[`${id}/${name}`, bytes]];
      },
    });
    await mirror.bringUpToDate();
    ctx.body = { bytes: bytes.length, location: `${root}/${id}/${name}@${head}` };
  };
}

/** The job in the repository; the error for one that is not there, or elsewhere. */
export async function keptJob(
  repository: JobsRepository,
  catalog: JobCatalog,
  id: string,
  text: string,
): Promise<RepositoryJob> {
  const kept = await repository.job(id);
  if (kept !== undefined) return kept;
  throw catalog.applied(id) === undefined ? jobUnknown(text) : jobElsewhere(id);
}

async function checkMain(mainFiles: MainFiles, bytes: Buffer): Promise<void> {
  const source = bytes.toString("utf8");
  if (!Buffer.from(source).equals(bytes)) throw invalid(MAIN_FILE, "is not UTF-8 text");
  const { problems } = await mainFiles.check(source);
  if (problems.length > 0) throw invalidMain(problems);
}

/** The 422 for a `main.yml`, each problem with its place. */
export function invalidMain(problems: readonly Problem[]): ApiError {
  const errors = problems.map(({ path, task, detail }) => ({
    path,
    detail: task === undefined ? detail : `task ${task}: ${detail}`,
  }));
  return new ApiError("Invalid", `${MAIN_FILE}: ${errors[0]?.path}: ${errors[0]?.detail}`, { errors });
}
