import { suite } from "uvu";
import * as assert from "uvu/assert";
import { runDocument } from "../../../crds/run-document.ts";
import { nameOfPostgres } from "../../../store/postgres.ts";
import { openStore, type Store } from "../../../store/store.ts";
import { until, within } from "../../support/deadline.ts";
import { PostgresServer } from "../../support/postgres-server.ts";
import { skip } from "../../support/skip.ts";
import { send } from "../../unit/api/served.ts";
import { FacadeStage } from "./facade-stage.ts";

const WAIT_MS = 60_000;
const opened = await PostgresServer.open();
if ("cannot" in opened) skip("file", `no PostgreSQL server: ${opened.cannot}`);
else tests(opened);

function tests(server: PostgresServer): void {
  const test = suite("api replicas with one store");
  let stage: FacadeStage;
  let store: Store;
  let ports: number[] = [];

  test.before(async () => {
    try {
      const location = await server.database();
      store = openStore({ kind: "postgres", ...location });
      const name = nameOfPostgres(location);
      const url = name.replace("//postgres@", `//postgres:${encodeURIComponent(location.password ?? "")}@`);
      stage = await FacadeStage.open({ ODIN_STORE: url });
      ports = [stage.port];
      await stage.start({ ODIN_STORE: url });
      ports.push(stage.port);
    } catch (error) {
      console.error(error);
      throw error;
    }
  });
  test.after(async () => {
    await stage?.close();
    await store?.close();
    await server.remove();
  });

  async function keep(name: string): Promise<void> {
    const uid = `uid-${name}`;
    const metadata = { name, uid, namespace: stage.namespace, resourceVersion: "1" };
    const status = {
      phase: "DONE" as const,
      tasks: { a: { state: "executed" as const, attempt: 1, pod: `${name}--a` } },
    };
    const run = { apiVersion: "odin.io/v1", kind: "Pipeline", metadata, spec: { tasks: [] }, status };
    const record = { uid, namespace: stage.namespace, name, job: "", version: "", user: "", phase: "DONE" };
    await store.runs.save([{ ...record, createdAt: 1e12, endedAt: 1e12, document: runDocument(run) }]);
    await store.runs.gone([uid]);
    const owner = { podUid: `pod-${name}`, namespace: stage.namespace, pod: `${name}--a`, runUid: uid, run: name };
    const log = { text: Buffer.from("kept\n"), dropped: 0 };
    await store.logs.save({ ...owner, task: "a", attempt: 1, container: "main", createdAt: "" }, log, "whole");
  }

  const listed = async (port: number): Promise<string[]> =>
    ((await send(port, "GET", "/v1/pipelines")).json.pipelines as { id: string }[]).map(({ id }) => id);

  test("what is kept is told by each, and what one removes is gone for the other at once", () =>
    within(WAIT_MS, async () => {
      await keep("shared");
      for (const port of ports) {
        assert.is((await send(port, "GET", "/v1/pipelines/shared")).status, 200);
        assert.match((await send(port, "GET", "/v1/resources/shared/logs")).text, "kept");
        await until(() => listed(port), WAIT_MS, { describe: "it is listed", accept: (ids) => ids.includes("shared") });
      }
      assert.is((await stage.call("DELETE", "/v1/pipelines/shared?db=true")).status, 200);
      for (const port of ports) {
        assert.is((await send(port, "GET", "/v1/pipelines/shared")).status, 404);
        assert.is((await send(port, "GET", "/v1/resources/shared/logs")).status, 404);
        await until(() => listed(port), WAIT_MS, { describe: "it is gone", accept: (ids) => !ids.includes("shared") });
      }
    }));

  test("F-36: with the server stopped each goes on, answers in time, and says no password; then all is there again", () =>
    within(WAIT_MS * 2, async () => {
      await keep("survivor");
      await server.stop();
      for (const port of ports) {
        assert.is((await send(port, "GET", "/v1/pipelines")).status, 200);
        const many = await Promise.all(
          Array.from({ length: 100 }, (_, n) => send(port, "GET", `/v1/pipelines/nobody-${n}`)),
        );
        assert.equal([...new Set(many.map(({ status }) => status))], [503]);
      }
      const said = JSON.stringify(stage.logLines);
      assert.match(said, "the store of ended runs does not work");
      assert.not.match(said, "correct horse");
      assert.not.match(said, "correct%20horse");
      await server.start();
      for (const port of ports) {
        await until(() => send(port, "GET", "/v1/pipelines/survivor"), WAIT_MS, {
          describe: "it is told of again",
          accept: ({ status }) => status === 200,
        });
      }
    }));

  test.run();
}
