// timeout: 2400
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nameOfPostgres, type PostgresLocation } from "../../store/postgres.ts";
import { BucketServer } from "../support/bucket-server.ts";
import { until, within } from "../support/deadline.ts";
import { kubectl, kubectlApply } from "../support/kubectl.ts";
import { OdinProcess } from "../support/odin-process.ts";
import { PostgresServer } from "../support/postgres-server.ts";
import { skip } from "../support/skip.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";
import { send, sendJson } from "../unit/api/served.ts";

const WAIT_MS = 120_000;
const PASSWORD = "the root's password";
const database = await PostgresServer.open();
const bucket = await BucketServer.open();
if ("cannot" in database || "cannot" in bucket) {
  for (const server of [database, bucket]) {
    if ("cannot" in server) skip("file", `a server is missing: ${server.cannot}`);
    else await server.remove();
  }
} else {
  tests(database, bucket);
}

function tests(postgres: PostgresServer, buckets: BucketServer): void {
  const elsewhere = suite("runs and logs in PostgreSQL and a bucket, of real pods");
  let namespace: TemporaryNamespace;
  let place: TemporaryDirectory;
  let environment: Record<string, string>;
  let location: PostgresLocation;
  const processes: OdinProcess[] = [];
  let port = 0;
  let authorization = "";

  elsewhere.before(async () => {
    try {
      namespace = await temporaryNamespace("kept-elsewhere");
      place = await temporaryDirectory();
      location = await postgres.database();
      const { endpoint, bucket, keyId, key = "" } = await buckets.bucket("logs");
      await writeFile(join(place.path, "password"), location.password ?? "");
      await writeFile(join(place.path, "key"), key);
      environment = {
        ODIN_NAMESPACE: namespace.name,
        ODIN_STORE: nameOfPostgres(location),
        ODIN_STORE_PASSWORD_FILE: join(place.path, "password"),
        ODIN_LOG_STORE: `s3://${bucket}/odin?endpoint=${endpoint}`,
        ODIN_LOG_STORE_KEY_ID: keyId,
        ODIN_LOG_STORE_KEY_FILE: join(place.path, "key"),
      };
      await startOperator();
      const api = new OdinProcess("api", {
        ...environment,
        ODIN_LISTEN: "127.0.0.1:0",
        ODIN_REPOSITORY: join(place.path, "jobs"),
        ODIN_SECRET: "the secret of the end-to-end tests, long enough",
        ODIN_ROOT_USER: "root",
        ODIN_ROOT_PASS: PASSWORD,
      });
      processes.push(api);
      await api.untilSaid('"msg":"ready"');
      port = Number(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(api.output)?.[1]);
      const login = await sendJson(port, "POST", "/v1/auth", { username: "root", password: PASSWORD });
      authorization = `Bearer ${login.json.message}`;
    } catch (error) {
      console.error(error, ...processes.map(({ output }) => output));
      throw error;
    }
  });
  elsewhere.after(async () => {
    for (const one of processes) if (one.running) await one.end("SIGTERM");
    await namespace?.remove();
    await postgres.remove();
    await buckets.remove();
    await place?.remove();
  });

  async function startOperator(): Promise<OdinProcess> {
    const operator = new OdinProcess("operator", {
      ...environment,
      ODIN_LEADER_ELECT: "false",
      ODIN_INSTALL_CRDS: "false",
    });
    processes.push(operator);
    await operator.untilSaid("operator running");
    return operator;
  }

  async function create(name: string, script: string): Promise<void> {
    await kubectlApply(namespace.name, {
      apiVersion: "odin.io/v1",
      kind: "Pipeline",
      metadata: { name },
      spec: { tasks: [{ name: "a", image: "python:3.11-slim", command: ["sh", "-c", script] }] },
    });
  }

  const untilEnded = (name: string): Promise<string> =>
    until(() => kubectl("get", "pipeline", name, "-n", namespace.name, "-o", "jsonpath={.status.phase}"), WAIT_MS, {
      describe: `${name} ends`,
      accept: (phase) => phase === "DONE" || phase === "TERMINATED",
    });

  /** Waits until a run and its only log are in the database. */
  const untilKept = (name: string): Promise<unknown> =>
    until(
      () =>
        postgres.query(
          `SELECT 1 FROM run_record JOIN pod_log ON run_uid = uid WHERE name = '${name}' AND grade = 3 AND place IS NOT NULL`,
          location.database,
        ),
      WAIT_MS,
      { describe: `${name} is kept`, accept: (rows) => rows.length === 1 },
    );

  const untilGone = (name: string): Promise<unknown> =>
    until(() => kubectl("get", "pods,pipelines", "-n", namespace.name, "-o", "name"), WAIT_MS, {
      describe: `${name} and its pods go`,
      accept: (names) => !names.includes(name),
    });

  elsewhere("O-225: a run that was deleted with kubectl is told of with its log; one that was removed is not", () =>
    within(WAIT_MS * 3, async () => {
      await create("story", "echo once upon a time");
      await untilEnded("story");
      await untilKept("story");
      const files = await readdir(buckets.path("logs"), { recursive: true });
      assert.is(files.filter((name) => name.endsWith(".log.gz")).length, 1, files.join());
      await kubectl("delete", "pipeline", "story", "-n", namespace.name);
      await untilGone("story");
      const shown = (await send(port, "GET", "/v1/pipelines/story")).json.pipeline as { status: string };
      assert.is(shown.status, "DONE");
      assert.match((await send(port, "GET", "/v1/resources/story--a/logs")).text, "once upon a time");
      await until(() => send(port, "GET", "/v1/pipelines"), WAIT_MS, {
        describe: "it is listed",
        accept: ({ text }) => text.includes('"story"'),
      });
      // It knows of none of that name, neither here nor there, while its watch has not told it that the object is gone.
      await until(() => send(port, "DELETE", "/v1/pipelines/story?db=true", { headers: { authorization } }), WAIT_MS, {
        describe: "it is removed",
        accept: ({ status }) => status === 200,
      });
      assert.is((await send(port, "GET", "/v1/pipelines/story")).status, 404);
      assert.is((await send(port, "GET", "/v1/resources/story--a/logs")).status, 404);
    }),
  );

  elsewhere("F-36, F-37: with database and bucket stopped, and the operator killed meanwhile, nothing is lost", () =>
    within(WAIT_MS * 4, async () => {
      await Promise.all([postgres.stop(), buckets.stop()]);
      await create("through", "echo through it all");
      await untilEnded("through");
      const [operator] = processes.filter((one) => one.running);
      await until(() => operator?.output.includes("cannot be stored"), WAIT_MS, { describe: "it says that it cannot" });
      await operator?.end("SIGKILL");
      await startOperator();
      await buckets.start();
      await postgres.start();
      await untilKept("through");
      await until(() => send(port, "GET", "/v1/resources/through--a/logs"), WAIT_MS, {
        describe: "the log is shown",
        accept: ({ text }) => text.includes("through it all"),
      });
      const said = processes.map(({ output }) => output).join("\n");
      for (const secret of ["correct horse", "the very secret key"]) assert.not.match(said, secret);
    }),
  );

  elsewhere.run();
}
