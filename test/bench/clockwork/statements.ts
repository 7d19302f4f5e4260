import { jobRoutes } from "../../../api/clockwork/jobs/routes.ts";
import { JsonWork } from "../../../api/clockwork/json-work/json-work.ts";
import { userDataRoutes } from "../../../api/clockwork/user-data/routes.ts";
import { JobRecords } from "../../../store/job-records.ts";
import type { Sql, Statement } from "../../../store/sql.ts";
import { UserData } from "../../../store/user-data.ts";
import { WatchedSql } from "../../support/watched-sql.ts";
import { basic, clockworkUser, keyOf, serveClockwork } from "../../unit/api/clockwork/served-clockwork.ts";
import { send } from "../../unit/api/served.ts";
import { benchEmail } from "./believable-job.ts";
import { ASKING_USER, type Asker, type BenchQuery } from "./queries.ts";

/** What the product reads to answer a question. */
export interface Asked {
  statements: Statement[];
  /** Jobs in the answer. */
  rows: number;
}

/** Answers questions by the product's own routes on a database, and tells what these read. */
export interface Witness {
  ask(query: BenchQuery, variant: number): Promise<Asked>;
  close(): Promise<void>;
}

const PAGE_SIZE = 25;
const EMAILS: Readonly<Record<Asker, string>> = { administrator: "boss", user: benchEmail(ASKING_USER) };

/** Starts the routes in this process. */
export async function startWitness(sql: Sql): Promise<Witness> {
  const watched = new WatchedSql(sql);
  const records = new JobRecords(watched);
  const work = new JsonWork();
  const data = new UserData(watched, work);
  const routes = [
    ...jobRoutes({
      records,
      propsOf: (email, jobs) => data.propsOf(email, jobs),
      pageSize: PAGE_SIZE,
      timeZone: "UTC",
    }),
    ...userDataRoutes({ data, records, work, quotaMib: 1, cluster: "main" }),
  ];
  const users = [clockworkUser("boss", { admin: true }), clockworkUser("asker", { email: EMAILS.user })];
  const served = await serveClockwork(routes, { users, work });
  return {
    async ask({ as, path }, variant) {
      watched.statements.splice(0);
      const headers = basic(EMAILS[as], keyOf(as === "user" ? "asker" : "boss"));
      const { status, text } = await send(served.port, "GET", `/api/v1/clusters${path(variant)}`, { headers });
      if (status !== 200) throw new Error(`${path(variant)}: ${status} ${text}`);
      return { statements: watched.statements.splice(0), rows: text.split('"slurm":{').length - 1 };
    },
    close: () => served.listener.close(0),
  };
}
