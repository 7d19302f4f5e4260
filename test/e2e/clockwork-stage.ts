import { join } from "node:path";
import * as assert from "uvu/assert";
import { until } from "../support/deadline.ts";
import { kubectl } from "../support/kubectl.ts";
import { OdinProcess } from "../support/odin-process.ts";
import { PodStory } from "../support/pod-story.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";
import { send, sendJson } from "../unit/api/served.ts";

/** Until something that takes pods has happened. */
export const WAIT_MS = 180_000;

const PASSWORD = "the root's password";
const FINAL = ["COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY"];

/** A job as Clockwork shows it, as far as tests read it by name. */
export interface Job {
  slurm: Record<string, unknown> & {
    job_id: string;
    name: string;
    job_state: string;
    exit_code: string;
    submit_time: number;
    start_time: number | null;
    end_time: number | null;
  };
  cw: Record<string, unknown>;
}

/** Whether a job in that state stays in it. */
export const isFinal = (state: string): boolean => FINAL.includes(state);

/** Operator and API in one process that keeps its store, in a namespace of the cluster of the end-to-end tests. */
export class ClockworkStage {
  readonly namespace: string;
  /** Place for files; goes with the stage. */
  readonly path: string;
  /** Of the API, at present. */
  port = 0;
  /** The root's. */
  authorization = "";
  readonly #namespace: TemporaryNamespace;
  readonly #place: TemporaryDirectory;
  readonly #pods: PodStory;
  #odin: OdinProcess;

  private constructor(namespace: TemporaryNamespace, place: TemporaryDirectory) {
    this.#namespace = namespace;
    this.namespace = namespace.name;
    this.#place = place;
    this.path = place.path;
    this.#pods = new PodStory(namespace.name);
    this.#odin = this.#process();
  }

  static async start(): Promise<ClockworkStage> {
    const stage = new ClockworkStage(await temporaryNamespace("clockwork"), await temporaryDirectory());
    try {
      await stage.#ready();
    } catch (error) {
      await stage.end();
      throw error;
    }
    return stage;
  }

  /** Kills the process and starts another one on the same store. */
  async restart(): Promise<void> {
    await this.#odin.end("SIGKILL");
    this.#odin = this.#process();
    await this.#ready();
  }

  async end(): Promise<void> {
    await this.#odin.end("SIGTERM");
    this.#pods.end();
    await this.#namespace.remove();
    await this.#place.remove();
  }

  /** Runs kubectl in the namespace. */
  kubectl(...args: string[]): Promise<string> {
    return kubectl("--namespace", this.namespace, ...args);
  }

  /** Makes a user and returns the Authorization header of his login. */
  async user(username: string, password: string): Promise<string> {
    const headers = { authorization: this.authorization };
    assert.is((await sendJson(this.port, "POST", "/v1/users", { user: { username, password } }, headers)).status, 200);
    return await this.#login(username, password);
  }

  /** The job of that id; undefined while there is none, or the API is not ready to tell. */
  async job(id: string): Promise<Job | undefined> {
    const path = `/api/v1/clusters/jobs/one?job_id=${id}`;
    const { status, text } = await send(this.port, "GET", path, { headers: { authorization: this.authorization } });
    if (status === 503) return undefined;
    assert.is(status, 200, text);
    const found = JSON.parse(text) as Partial<Job>;
    return found.slurm === undefined ? undefined : (found as Job);
  }

  /** The job of that id once its state is an accepted one. */
  async untilJob(id: string, describe: string, accept: (state: string) => boolean): Promise<Job> {
    const found = await until(() => this.job(id), WAIT_MS, {
      describe: `job ${id} ${describe}`,
      accept: (found) => found !== undefined && accept(found.slurm.job_state),
      everyMs: 200,
    });
    assert.ok(found);
    return found as Job;
  }

  /** Everything that the states of jobs are made from. */
  async whatWasSeen(jobs: Iterable<Job>): Promise<string> {
    const records = await this.kubectl("get", "pipelines", "-o", "jsonpath={range .items[*]}{.status}{'\\n'}{end}");
    const shown = [...jobs].map((job) => JSON.stringify(job)).join("\n");
    return `jobs:\n${shown}\nthe operator's records:\n${records}\npods:\n${this.#pods.text}`;
  }

  #process(): OdinProcess {
    return new OdinProcess("all", {
      ODIN_NAMESPACE: this.namespace,
      // Pods ask it, too.
      ODIN_LISTEN: "0.0.0.0:0",
      ODIN_REPOSITORY: join(this.path, "jobs"),
      ODIN_STORE: join(this.path, "store.db"),
      ODIN_SECRET: "the secret of the end-to-end tests, long enough",
      ODIN_ROOT_USER: "root",
      ODIN_ROOT_PASS: PASSWORD,
      ODIN_LEADER_ELECT: "false",
      ODIN_INSTALL_CRDS: "false",
      CLOCKWORK_VISIBILITY: "all",
    });
  }

  async #ready(): Promise<void> {
    try {
      await this.#odin.untilSaid('"msg":"ready"');
      this.port = Number(/"url":"http:\/\/0\.0\.0\.0:(\d+)"/.exec(this.#odin.output)?.[1]);
      this.authorization = await this.#login("root", PASSWORD);
    } catch (error) {
      console.error(error, this.#odin.output);
      throw error;
    }
  }

  async #login(username: string, password: string): Promise<string> {
    const login = await sendJson(this.port, "POST", "/v1/auth", { username, password });
    assert.is(login.status, 200, login.text);
    return `Bearer ${login.json.message}`;
  }
}
