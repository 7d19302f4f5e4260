import { join } from "node:path";
import type { Job } from "../../../crds/generated/types.ts";
import { JOB } from "../../../crds/resources.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { objectPath } from "../../../kube/resource.ts";
import { GitRemote, git } from "../../support/git-remote.ts";
import { taken } from "../../support/taken.ts";
import { type Answer, send } from "../../unit/api/served.ts";
import { FacadeStage } from "./facade-stage.ts";

/** A job as it is shown. */
export interface ShownJob {
  id: string;
  location: string;
  tasks: Record<string, unknown>[];
  configs: { id: string; name: string; content: string; truncated?: boolean }[];
  error?: string;
}

/** A facade that keeps its jobs in git, with a remote. */
export class JobRepository {
  readonly stage: FacadeStage;
  readonly remote: GitRemote;

  private constructor(stage: FacadeStage, remote: GitRemote) {
    this.stage = stage;
    this.remote = remote;
  }

  /** Starts both; uploads may have 64 KiB. */
  static async open(): Promise<JobRepository> {
    const remote = await GitRemote.open();
    const settings = { ODIN_GIT_REMOTE: remote.url, ODIN_GIT_SYNC: "1", ODIN_MAX_UPLOAD: "64Ki" };
    return new JobRepository(await FacadeStage.open(settings), remote);
  }

  async close(): Promise<void> {
    await this.stage.close();
    await this.remote.remove();
  }

  /** Creates a job as the root user. */
  async create(name: string): Promise<Answer> {
    return await taken(() => this.stage.call("POST", "/v1/jobs", { job: { name } }));
  }

  /** Changes a job as the root user. */
  async put(id: string, body: object): Promise<Answer> {
    return await taken(() => this.stage.call("PUT", `/v1/jobs/${id}`, body));
  }

  /** Sends a file as the root user. */
  async upload(path: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> {
    return await taken(() => this.uploadOnce(path, body, headers));
  }

  /** The same, whether or not the remote can be reached. */
  async uploadOnce(path: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> {
    const authorization = `Bearer ${this.stage.token}`;
    return await send(this.stage.port, "POST", path, { headers: { authorization, ...headers }, body });
  }

  async job(id: string): Promise<ShownJob> {
    return (await this.stage.get(`/v1/jobs/${id}`)).json.job as ShownJob;
  }

  /** The ids of all jobs, or of those that a query is for. */
  async ids(query = ""): Promise<string[]> {
    return ((await this.stage.get(`/v1/jobs${query}`)).json.jobs as ShownJob[]).map(({ id }) => id);
  }

  /** The path of a file of the work tree. */
  inTree(path: string): string {
    return join(this.stage.repository, path);
  }

  /** The commit of the work tree. */
  async head(): Promise<string> {
    return await git(this.stage.repository, "rev-parse", "HEAD");
  }

  /** The Job object of that name; undefined if there is none. */
  async object(name: string): Promise<Job | undefined> {
    try {
      return await this.stage.client.get<Job>(objectPath(JOB, this.stage.namespace, name));
    } catch (error) {
      if (isKubeError(error, "notFound")) return undefined;
      throw error;
    }
  }
}
