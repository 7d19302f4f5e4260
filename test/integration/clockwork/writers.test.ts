// timeout: 900
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openStore, type StoreLocation } from "../../../store/store.ts";
import { until } from "../../support/deadline.ts";
import { PostgresServer } from "../../support/postgres-server.ts";
import { skip } from "../../support/skip.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import type { Answer } from "../../unit/api/served.ts";
import { jobRecord } from "../../unit/store/job-records-cases.ts";
import { KillableApi } from "./killable-api.ts";

const WRITERS = 50;
/** Writes of each; with WRITE_SECONDS they go on for so long instead (`npm run test:writers`). */
const WRITES = 12;
const SECONDS = Number(process.env.WRITE_SECONDS ?? "0");
/** How long a writer tries a write again. */
const PATIENCE_MS = 120_000;
const JOB_ID = "4711";

/** A kind of user data: how a member is written, and all of them read. */
interface Kind {
  name: string;
  write(ask: Ask, members: Record<string, unknown>): Promise<Answer>;
  read(ask: Ask): Promise<Answer>;
}
type Ask = (path: string, options?: Parameters<KillableApi["ask"]>[2]) => Promise<Answer>;

const KINDS: readonly Kind[] = [
  {
    name: "C-48: a job's dict",
    write(ask, members) {
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      const body = new URLSearchParams({ job_id: JOB_ID, update_pairs: JSON.stringify(members) }).toString();
      return ask("/jobs/user_dict_update", { method: "PUT", headers, body });
    },
    read: (ask) => ask(`/jobs/user_dict_update?job_id=${JOB_ID}&update_pairs=%7B%7D`, { method: "PUT" }),
  },
  {
    name: "C-53, C-54: a user's props of a job",
    write(ask, members) {
      const headers = { "content-type": "application/json" };
      const body = JSON.stringify({ job_id: JOB_ID, cluster_name: "main", updates: members });
      return ask("/jobs/user_props/set", { method: "PUT", headers, body });
    },
    read: (ask) => ask(`/jobs/user_props/get?job_id=${JOB_ID}&cluster_name=main`),
  },
];

const test = suite("fifty writers");
const opened = await PostgresServer.open();
let namespace: TemporaryNamespace;
let directory: TemporaryDirectory;
const running: KillableApi[] = [];
const figures: string[] = [];

test.before(async () => {
  try {
    namespace = await temporaryNamespace("writers");
    directory = await temporaryDirectory();
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after.each(async () => {
  for (const one of running.splice(0)) await one.end();
});
test.after(async () => {
  // The output of a file that passes is not shown.
  if (process.env.WRITE_FIGURES !== undefined) await writeFile(process.env.WRITE_FIGURES, `${figures.join("\n")}\n`);
  if (!("cannot" in opened)) await opened.remove();
  await namespace?.remove();
  await directory?.remove();
});

async function start(environment: Record<string, string>): Promise<KillableApi> {
  const api = new KillableApi({
    ODIN_NAMESPACE: namespace.name,
    CLOCKWORK_NAMESPACES: "where-nothing-is",
    CLOCKWORK_RETENTION_DAYS: "0",
    ...environment,
  });
  running.push(api);
  await api.untilReady();
  return api;
}

/** One client: its own keys, and a counter of its own; every write is tried until it is acknowledged. */
async function writer(
  number: number,
  kind: Kind,
  ask: Ask,
  isOver: (writes: number) => boolean,
  acknowledged: () => void,
): Promise<number> {
  let writes = 0;
  for (; !isOver(writes); writes++) {
    const members = { [`w${number}-${writes}`]: writes, [`counter-${number}`]: writes };
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const answer = await kind.write(ask, members).catch((error: unknown) => String(error));
      if (typeof answer !== "string" && answer.status === 200) {
        // Every answer is the whole object: what was acknowledged before is in it.
        assert.is(answer.json[`counter-${number}`], writes);
        assert.is(Object.keys(answer.json).filter((key) => key.startsWith(`w${number}-`)).length, writes + 1);
        acknowledged();
        break;
      }
      // While the process is away there is no answer, and while it starts it says so; there is no other reason to refuse.
      if (typeof answer !== "string") assert.is(answer.status, 503, answer.text);
      if (performance.now() > deadline)
        throw new Error(`write ${writes} of writer ${number} is never taken: ${answer}`);
      await pause(200);
    }
  }
  return writes;
}

/** Writes by all processes at once, with one of them killed in the middle; then everything that was acknowledged must be there. */
async function prove(kind: Kind, location: StoreLocation, apis: readonly KillableApi[]): Promise<void> {
  const store = openStore(location);
  await store.jobs.upsert([jobRecord(1, { jobId: JOB_ID, owner: "", email: null, clusterUser: null })]);
  await store.close();
  const [first] = apis;
  if (first === undefined) throw new Error("there is a process");
  const token = await first.login();
  const ends = performance.now() + SECONDS * 1000;
  let count = 0;
  let killed: Promise<void> | undefined;
  const isHalf = (): boolean =>
    SECONDS > 0 ? performance.now() > ends - SECONDS * 500 : count >= (WRITERS * WRITES) / 2;
  const writes = await Promise.all(
    Array.from({ length: WRITERS }, (_, number) =>
      writer(
        number,
        kind,
        (path, options) => (apis[number % apis.length] ?? first).ask(token, path, options),
        (done) => (SECONDS > 0 ? performance.now() > ends : done >= WRITES),
        () => {
          count += 1;
          if (isHalf()) killed ??= first.kill();
        },
      ),
    ),
  );
  await killed;
  assert.is(first.kills, 1);
  const expected: Record<string, unknown> = {};
  for (const [number, made] of writes.entries()) {
    expected[`counter-${number}`] = made - 1;
    for (let n = 0; n < made; n++) expected[`w${number}-${n}`] = n;
  }
  for (const api of apis) {
    await api.untilReady();
    const { json } = await until(() => kind.read((path, options) => api.ask(token, path, options)), PATIENCE_MS, {
      describe: "the process answers",
      accept: ({ status }) => status === 200,
    });
    assert.equal(json, expected);
  }
  assert.ok(count >= WRITERS);
  if (SECONDS > 0) figures.push(`${kind.name}, ${location.kind}: ${count} writes acknowledged in ${SECONDS} s`);
}

for (const kind of KINDS) {
  test(`${kind.name} in a file: of ${WRITERS} writers nothing that was acknowledged is lost, though the process is killed`, async () => {
    const path = join(directory.path, `${KINDS.indexOf(kind)}.db`);
    await prove(kind, { kind: "file", path }, [await start({ ODIN_STORE: path })]);
  });

  const title = `${kind.name} in PostgreSQL: of ${WRITERS} writers at two processes nothing that was acknowledged is lost, though one is killed`;
  if ("cannot" in opened) skip(title, opened.cannot);
  else {
    test(title, async () => {
      const location = await opened.database();
      const passwordFile = join(directory.path, "password");
      await writeFile(passwordFile, location.password ?? "", { mode: 0o600 });
      const env = {
        ODIN_STORE: `postgres://${location.user}@${location.host}:${location.port}/${location.database}`,
        ODIN_STORE_PASSWORD_FILE: passwordFile,
      };
      const apis = [await start(env), await start(env)];
      await prove(kind, { kind: "postgres", ...location }, apis);
    });
  }
}

test.run();
