// timeout: 600
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../support/deadline.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { type Answer, send } from "../../unit/api/served.ts";
import { FacadeStage } from "../api/facade-stage.ts";
import { FaultProxy } from "../kube/fault-proxy.ts";
import { FORM, WAIT_MS } from "./run-stage.ts";

const outage = suite("MLBench without the API server");
let stage: FacadeStage;
let proxy: FaultProxy;
let place: TemporaryDirectory;

outage.before(async () => {
  try {
    place = await temporaryDirectory();
    proxy = await FaultProxy.start();
    const settings = { MLBENCH_SCRAPE_SECONDS: "0", ODIN_STORE: join(place.path, "store.db") };
    stage = await FacadeStage.open(settings, proxy.kubeConfig());
  } catch (error) {
    console.error(error);
    throw error;
  }
});
outage.after(async () => {
  await proxy.open().catch(() => undefined);
  await stage.close();
  await proxy.stop();
  await place.remove();
});

const post = (path: string, body: object): Promise<Answer> =>
  send(stage.port, "POST", path, { body: JSON.stringify(body), headers: { "content-type": "application/json" } });
const create = (name: string): Promise<Answer> => post("/api/runs/", { ...FORM, name });
const untilKnown = (id: unknown): Promise<Answer> =>
  until(() => send(stage.port, "GET", `/api/runs/${id}/`), WAIT_MS, {
    describe: `run ${id} is known`,
    accept: ({ status }) => status === 200,
  });

outage(
  "M-2, M-10, M-60: while the API server is away what would change runs is refused as documented, what is known is shown, metrics are taken, and nothing is lost or made twice",
  async () => {
    const before = await create("before");
    assert.is(before.status, 201, before.text);
    const { id } = before.json;
    await untilKnown(id);
    await proxy.shut();
    for (const answer of [await create("meanwhile"), await send(stage.port, "DELETE", `/api/runs/${id}/`)]) {
      assert.is(answer.status, 503, answer.text);
      assert.equal(Object.keys(answer.json), ["status", "message"], answer.text);
      assert.is(answer.json.status, "Service Unavailable");
      assert.match(String(answer.headers["retry-after"]), /^\d+$/);
    }
    const shown = await send(stage.port, "GET", `/api/runs/${id}/`);
    assert.equal([shown.status, shown.json.name], [200, "before"], shown.text);
    const metric = { run_id: id, name: "loss", date: "2026-11-20T12:00:00.000000Z", value: "1", metadata: "" };
    const posted = await post("/api/metrics/", { ...metric, cumulative: false });
    assert.is(posted.status, 201, posted.text);

    await proxy.open();
    const after = await until(() => create("meanwhile"), WAIT_MS, {
      describe: "runs are taken again",
      accept: ({ status }) => status !== 503,
    });
    assert.is(after.status, 201, after.text);
    await untilKnown(after.json.id);
    const all = await send(stage.port, "GET", "/api/runs/");
    const names = (JSON.parse(all.text) as { name: string }[]).map(({ name }) => name);
    assert.equal(names.sort(), ["before", "meanwhile"]);
    const read = await send(stage.port, "GET", `/api/metrics/${id}/?metric_type=run`);
    assert.match(read.text, '"value":"1"');
  },
);

outage.run();
