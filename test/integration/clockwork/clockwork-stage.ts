import { join } from "node:path";
import { userSecretName } from "../../../api/auth/user.ts";
import type { JobRecord } from "../../../store/job-records.ts";
import { openStore, type Store } from "../../../store/store.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { basic } from "../../unit/api/clockwork/served-clockwork.ts";
import { type Answer, send } from "../../unit/api/served.ts";
import { jobRecord } from "../../unit/store/job-records-cases.ts";
import { FacadeStage } from "../api/facade-stage.ts";

/** A facade whose store the test shares, and users with API keys. */
export class ClockworkStage {
  readonly facade: FacadeStage;
  readonly store: Store;
  readonly #directory: TemporaryDirectory;
  readonly #keys = new Map<string, string>();

  private constructor(facade: FacadeStage, store: Store, directory: TemporaryDirectory) {
    this.facade = facade;
    this.store = store;
    this.#directory = directory;
  }

  static async open(env: Record<string, string> = {}): Promise<ClockworkStage> {
    const directory = await temporaryDirectory();
    const path = join(directory.path, "store.db");
    const facade = await FacadeStage.open({
      ODIN_STORE: path,
      // Other tests' pods are no jobs here, and jobs of any age stay.
      CLOCKWORK_NAMESPACES: "where-nothing-is",
      CLOCKWORK_RETENTION_DAYS: "0",
      ...env,
    });
    return new ClockworkStage(facade, openStore(path), directory);
  }

  get port(): number {
    return this.facade.port;
  }

  /** Makes a user with what his Secret is to say, and gives him an API key by the API. His e-mail is that of `account`, else his name. */
  async user(username: string, account: Record<string, string> = {}): Promise<string> {
    const password = `${username}'s password`;
    const made = await this.facade.call("POST", "/v1/users", { user: { username, password } });
    if (made.status !== 200) throw new Error(made.text);
    await this.say(username, account);
    const headers = basic(username, password);
    const answer = await send(this.port, "POST", "/api/v1/clusters/keys", { headers });
    const key = String(answer.json.clockwork_api_key);
    if (!/^[0-9a-f]{64}$/.test(key)) throw new Error(answer.text);
    this.#keys.set(username, key);
    return key;
  }

  /** Writes into a user's Secret, as an administrator does. */
  async say(username: string, account: Record<string, string>): Promise<void> {
    if (Object.keys(account).length === 0) return;
    await this.facade.client.patch(this.secretPath(username), "merge", { stringData: account });
  }

  secretPath(username: string): string {
    return `/api/v1/namespaces/${this.facade.namespace}/secrets/${userSecretName(username)}`;
  }

  /** The API key of a user that was made by `user`. */
  keyOf(username: string): string {
    return this.#keys.get(username) ?? "";
  }

  /** A request of a user, by his e-mail and API key. */
  ask(
    user: { username: string; email?: string },
    path: string,
    options: { method?: string; headers?: Record<string, string>; body?: string | Buffer } = {},
  ): Promise<Answer> {
    const { method = "GET", headers = {}, body } = options;
    return send(this.port, method, `/api/v1/clusters${path}`, {
      headers: { ...basic(user.email ?? user.username, this.keyOf(user.username)), ...headers },
      ...(body === undefined ? {} : { body }),
    });
  }

  /** Records jobs that have ended, as if their pods had been seen. */
  async record(jobs: readonly (Partial<JobRecord> & { number: number })[]): Promise<void> {
    await this.store.jobs.upsert(
      jobs.map(({ number, ...more }) => {
        const record = jobRecord(number, more);
        const { jobId, state, submitTime, startTime, endTime, clusterName, email, clusterUser } = record;
        const times = { submit_time: submitTime, start_time: startTime, end_time: endTime };
        return {
          ...record,
          slurm: JSON.stringify({ cluster_name: clusterName, ...times, job_id: jobId, job_state: state }),
          cw: JSON.stringify({ mila_cluster_username: clusterUser, mila_email_username: email }),
        };
      }),
    );
  }

  async close(): Promise<void> {
    await this.facade.close();
    await this.store.close();
    await this.#directory.remove();
  }
}
