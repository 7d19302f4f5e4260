import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Account } from "../../../../api/auth/account.ts";
import { JsonWork } from "../../../../api/clockwork/json-work/json-work.ts";
import type { ClockworkRoute } from "../../../../api/clockwork/route.ts";
import { userDataRoutes } from "../../../../api/clockwork/user-data/routes.ts";
import type { JobRecord } from "../../../../store/job-records.ts";
import { openStore, type Store } from "../../../../store/store.ts";
import { temporaryDirectory } from "../../../support/temporary-directory.ts";
import { type Answer, send } from "../served.ts";
import { basic, clockworkUser, keyOf, type ServedClockwork, serveClockwork } from "./served-clockwork.ts";

/** A server of the routes of users' data over a real store, with users `me`, `eve`, `boss` (an administrator) and `limited` (cluster `main` only). */
export interface UserDataStage {
  served: ServedClockwork;
  store: Store;
  /** A request to the client's prefix, as a user. */
  ask(method: string, path: string, more?: AskOptions): Promise<Answer>;
  /** A request with a JSON body. */
  put(path: string, body: unknown, as?: string): Promise<Answer>;
  addJob(jobId: string, more?: Partial<JobRecord>): Promise<void>;
  close(): Promise<void>;
}

interface AskOptions {
  as?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

const ACCOUNTS: Readonly<Record<string, Partial<Account>>> = {
  me: { email: "me@example.org" },
  eve: { email: "eve@example.org" },
  boss: { email: "boss@example.org", admin: true },
  limited: { email: "limited@example.org", clusters: ["main"] },
};

/** Starts it; `wrap` may put something before the store's answers. */
export async function userDataStage(
  wrap: (data: Store["userData"]) => Store["userData"] = (data) => data,
): Promise<UserDataStage> {
  const place = await temporaryDirectory();
  const work = new JsonWork();
  const store = openStore(join(place.path, "store.db"), work);
  const routes: ClockworkRoute[] = userDataRoutes({
    data: wrap(store.userData),
    records: store.jobs,
    work,
    quotaMib: 3,
    cluster: "main",
  });
  const users = Object.entries(ACCOUNTS).map(([name, account]) => clockworkUser(name, account));
  const served = await serveClockwork(routes, { users, work });
  const stage: UserDataStage = {
    served,
    store,
    ask(method, path, { as = "me", headers = {}, body } = {}) {
      const credential = basic(ACCOUNTS[as]?.email ?? "", keyOf(as));
      const answered = { headers: { ...credential, ...headers }, ...(body === undefined ? {} : { body }) };
      return send(served.port, method, `/api/v1/clusters${path}`, answered);
    },
    put: (path, body, as = "me") =>
      stage.ask("PUT", path, {
        as,
        headers: { "content-type": "application/json" },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    async addJob(jobId, more = {}) {
      await store.jobs.upsert([jobRecord(jobId, more)]);
    },
    async close() {
      await served.listener.close(0);
      await work.stop();
      await store.close();
      await place.remove();
    },
  };
  return stage;
}

/** An answer that is an error: its status and its text, which is the whole body (C-6). */
export function isError(answer: Answer, status: number, text: string): void {
  assert.is(answer.text, `${JSON.stringify(text)}\n`);
  assert.is(answer.status, status);
  assert.is(answer.headers["content-type"], "application/json");
}

/** An answer that is good: exactly that body (C-3 to C-5). */
export function isReply(answer: Answer, body: string): void {
  assert.is(answer.text, `${body}\n`);
  assert.is(answer.status, 200);
  assert.is(answer.headers["content-type"], "application/json");
}

function jobRecord(jobId: string, more: Partial<JobRecord>): JobRecord {
  return {
    podUid: `pod-${jobId}-${more.clusterName ?? "main"}`,
    namespace: "team",
    pod: "p",
    runUid: "",
    task: "",
    attempt: 1,
    observed: 1,
    ended: false,
    goneState: "CANCELLED",
    goneTime: null,
    owner: "me",
    jobId,
    arrayJobId: "0",
    clusterName: "main",
    email: "me@example.org",
    clusterUser: "me",
    ccUser: null,
    name: "job",
    state: "RUNNING",
    node: null,
    submitTime: 1,
    startTime: null,
    endTime: null,
    slurm: "{}",
    cw: "{}",
    ...more,
  };
}
