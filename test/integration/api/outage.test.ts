import { suite } from "uvu";
import * as assert from "uvu/assert";
import { POD } from "../../../kube/core-resources.ts";
import { objectPath } from "../../../kube/resource.ts";
import { until } from "../../support/deadline.ts";
import { SST2_TASKS } from "../../unit/api/odin/sample.ts";
import { isProblem } from "../../unit/api/served.ts";
import { FaultProxy } from "../kube/fault-proxy.ts";
import { FacadeStage } from "./facade-stage.ts";

const test = suite("api without its API server");
const WAIT_MS = 60_000;
let proxy: FaultProxy;
let stage: FacadeStage;

test.before(async () => {
  proxy = await FaultProxy.start();
  stage = await FacadeStage.open({}, proxy.kubeConfig());
  await stage.applyJob("sst2", { tasks: SST2_TASKS });
});
test.after.each(() => {
  proxy.decide = () => ({ kind: "forward" });
});
test.after(async () => {
  await stage.close();
  await proxy.stop();
});

const launch = () => stage.call("POST", "/v1/pipelines", { pipeline: { job: "sst2" } });

test("O-4: writes are 503 with Retry-After, reads go on from memory, logins too", async () => {
  const id = await stage.launch("sst2");
  proxy.decide = () => ({ kind: "refuse" });
  proxy.cutWatches();
  for (const answer of [await launch(), await stage.call("DELETE", `/v1/pipelines/${id}`)]) {
    assert.is(answer.status, 503);
    assert.ok(Number(answer.headers["retry-after"]) > 0);
    assert.ok(isProblem(answer));
    assert.not.match(answer.text, /127\.0\.0\.1|ECONN|apis\/odin/);
  }
  assert.is((await stage.get(`/v1/pipelines/${id}`)).status, 200);
  assert.is((await stage.get("/readyz")).status, 200);
  await stage.login();
  assert.is(stage.token.split(".").length, 3);
});

test("O-65: a launch whose answer is lost stores one run and names it", async () => {
  const before = proxy.matching(/\/pipelines$/, "POST").length;
  let lost = 0;
  proxy.decide = ({ method, url }) =>
    method === "POST" && url.endsWith("/pipelines") && lost++ === 0 ? { kind: "dropAnswer" } : { kind: "forward" };
  const answer = await launch();
  assert.is(answer.status, 200);
  assert.is(proxy.matching(/\/pipelines$/, "POST").length - before, 2);
  const { id } = answer.json.pipeline as { id: string };
  assert.is((await stage.run(id)).metadata.name, id);
});

test("O-32: users can be read during an outage, not written; what was lost on the way back was still done once", async () => {
  const user = (username: string) => ({ user: { username, password: `${username}'s password` } });
  proxy.decide = () => ({ kind: "refuse" });
  const refused = [
    await stage.call("POST", "/v1/users", user("ann")),
    await stage.call("PUT", "/v1/users/dpressel", { firstname: "D" }),
    await stage.call("DELETE", "/v1/users/ann"),
  ];
  for (const answer of refused) {
    assert.is(answer.status, 503);
    assert.ok(Number(answer.headers["retry-after"]) > 0);
    assert.ok(isProblem(answer));
  }
  assert.equal((await stage.get("/v1/users")).json, { users: [{ username: "dpressel" }] });
  const losing = (verb: string): (() => number) => {
    let lost = 0;
    proxy.decide = ({ method, url }) =>
      method === verb && url.includes("/secrets") && lost++ === 0 ? { kind: "dropAnswer" } : { kind: "forward" };
    return () => lost;
  };
  for (const [verb, method, path, body, expected] of [
    ["POST", "POST", "/v1/users", user("ann"), { username: "ann" }],
    [
      "PATCH",
      "PUT",
      "/v1/users/ann",
      { firstname: "Ann", password: "another one" },
      { username: "ann", firstname: "Ann" },
    ],
    ["DELETE", "DELETE", "/v1/users/ann", undefined, { username: "ann", firstname: "Ann" }],
  ] as const) {
    const lost = losing(verb);
    const answer = await stage.call(method, path, body);
    assert.ok(lost() > 0);
    assert.equal([answer.status, answer.json], [200, { user: expected }], `${method}: ${answer.text}`);
  }
  assert.is((await stage.get("/v1/users/ann")).status, 404);
});

test("throttling is passed on as 503 with the time that the server asks for", async () => {
  proxy.decide = ({ method }) =>
    method === "GET"
      ? { kind: "forward" }
      : { kind: "answer", status: 429, headers: { "retry-after": "7" }, body: "{}" };
  const answer = await launch();
  assert.equal([answer.status, answer.headers["retry-after"]], [503, "7"]);
});

test("a facade that may not write is a fault of the installation: 500 without details, the log says why", async () => {
  const body = JSON.stringify({
    kind: "Status",
    code: 403,
    reason: "Forbidden",
    message: "system:serviceaccount:x cannot create",
  });
  proxy.decide = ({ method }) => (method === "GET" ? { kind: "forward" } : { kind: "answer", status: 403, body });
  const answer = await launch();
  assert.equal([answer.status, answer.json.detail], [500, "internal error"]);
  assert.match(JSON.stringify(stage.logLines.map(({ err }) => String(err))), "cannot create");
});

test("O-212: a part of a clean-up that fails is No, the rest goes on", async () => {
  const id = await stage.launch("sst2");
  await stage.createPod(id, "sst2");
  await until(async () => (await stage.get(`/v1/resources/${id}/logs`)).text.includes(id), WAIT_MS, {
    describe: "the pod arrives",
  });
  proxy.decide = ({ method, url }) =>
    method === "DELETE" && url.includes("/pods/") ? { kind: "answer", status: 500, body: "{}" } : { kind: "forward" };
  const answer = await stage.call("DELETE", `/v1/pipelines/${id}?db=1`);
  assert.equal(answer.json, {
    cleanups: [
      { taskId: id, cleanedFromK8s: "No", purgedFromDb: "Yes", removedFromFs: "No" },
      { taskId: `${id}--sst2`, cleanedFromK8s: "No", purgedFromDb: "Yes", removedFromFs: "No" },
    ],
  });
  assert.is((await stage.get(`/v1/pipelines/${id}`)).status, 404);
});

test("O-210, O-212: a pod that this server has not heard of yet counts as cleaned, also where the operator is faster", async () => {
  const id = await stage.launch("sst2");
  proxy.stallWatches();
  const pod = await stage.createPod(id, "sst2");
  await stage.setStatus(id, {
    phase: "RUNNING",
    job: "sst2",
    tasks: { sst2: { state: "executing", attempt: 1, pod } },
  });
  const path = objectPath(POD, stage.namespace, pod);
  proxy.decide = ({ method, url }) =>
    method === "PATCH" && url.includes(id)
      ? { kind: "beforeAnswer", act: async () => void (await stage.client.delete(path)) }
      : { kind: "forward" };
  const answer = await stage.call("DELETE", `/v1/pipelines/${id}`);
  assert.equal(
    (answer.json.cleanups as { taskId: string; cleanedFromK8s: string }[]).map(({ taskId, cleanedFromK8s }) => [
      taskId,
      cleanedFromK8s,
    ]),
    [
      [id, "No"],
      [`${id}--sst2`, "Yes"],
    ],
  );
  // Watches that say nothing would be noticed a minute and a half later.
  proxy.cutWatches();
});

test("after an outage what happened meanwhile is there", async () => {
  proxy.decide = () => ({ kind: "refuse" });
  proxy.cutWatches();
  await stage.createRun("meanwhile", { job: "sst2" });
  assert.is((await stage.get("/v1/pipelines/meanwhile")).status, 404);
  proxy.decide = () => ({ kind: "forward" });
  await until(async () => (await stage.get("/v1/pipelines/meanwhile")).status === 200, WAIT_MS, {
    describe: "it arrives",
  });
});

test("a facade that starts during an outage listens, says what is missing, and becomes ready by itself", async () => {
  await stage.stop();
  proxy.decide = () => ({ kind: "refuse" });
  const facade = await stage.start({}, proxy.kubeConfig(), false);
  assert.is((await stage.get("/healthz")).status, 200);
  assert.is((await stage.get("/v1/ping")).text, '"pong"');
  const notReady = await stage.get("/readyz");
  assert.is(notReady.status, 503);
  assert.ok(isProblem(notReady));
  assert.match(notReady.text, /pipelines.*root user/);
  const list = await stage.get("/v1/pipelines");
  assert.is(list.status, 503);
  assert.ok(Number(list.headers["retry-after"]) > 0);
  proxy.decide = () => ({ kind: "forward" });
  await facade.ready;
  assert.is((await stage.get("/readyz")).status, 200);
});

test("a facade that is stopped before it was ready stops", async () => {
  await stage.stop();
  proxy.decide = () => ({ kind: "refuse" });
  await stage.start({}, proxy.kubeConfig(), false);
  await stage.stop();
});

test.run();
