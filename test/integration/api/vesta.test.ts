/** vesta over HTTP: senders, views and states of a facade with the store in a file. */
import { once } from "node:events";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { WebSocket } from "ws";
import { until, within } from "../../support/deadline.ts";
import { DocumentedReplies } from "../../support/documented-reply.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { type Answer, send } from "../../unit/api/served.ts";
import { FacadeStage } from "./facade-stage.ts";
import { GpuWorld } from "./gpu-world.ts";

const WAIT_MS = 60_000;
const FAMILY = { paths: /^\/(?!v1\/|api\/)/, errors: { type: "application/json", schema: "Error" } };
const test = suite("vesta over HTTP");
let stage: FacadeStage;
let place: TemporaryDirectory;
let documented: DocumentedReplies;
const ID = GpuWorld.newId();
/** Nodes of other files that run on the same API server are not shown. */
const OWN = GpuWorld.settings(ID);

test.before(async () => {
  place = await temporaryDirectory();
  stage = await FacadeStage.open({ ...OWN, ODIN_STORE: join(place.path, "store.db"), VESTA_SAVE_INTERVAL: "0" });
  const document = JSON.parse((await send(stage.port, "GET", "/vesta/openapi.json")).text) as Record<string, unknown>;
  documented = new DocumentedReplies(document, FAMILY);
  await until(async () => (await send(stage.port, "GET", "/states/")).status === 200, WAIT_MS, {
    describe: "hosts are known",
  });
});
test.after(async () => {
  await stage?.close();
  await place?.remove();
});

/** An answer, which is as the document says. */
async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
  const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
  const headers: Record<string, string> =
    text === undefined ? {} : { "content-length": String(Buffer.byteLength(text)) };
  const answer = await send(stage.port, method, path, { headers, ...(text === undefined ? {} : { body: text }) });
  const difference = documented.difference(method, path, answer);
  if (difference !== undefined) throw new Error(`not as documented: ${difference}`);
  return answer;
}

const GPU = {
  ...{ device_num: 0, uuid: "GPU-1", gpu_name: "GeForce GTX 1080 Ti", timestamp: "2026/01/01 12:00:00.000" },
  ...{ temperature: 61, total_memory: 11_169, available_memory: 3_151, used_memory: 8_018, gpu_volatile: 92 },
  processes: [{ pid: "4711", name: "train.py", user: "ann", used_memory: 8_018 }],
};

async function register(name: string): Promise<{ id: string; name: string }> {
  const { json } = await ask("GET", `/register/?host_name=${name}&token=0000`);
  assert.is(json.status_code, 200);
  return { id: String(json.id), name: String(json.register_name) };
}

const post = async (id: string, body: unknown): Promise<Record<string, unknown>> =>
  (await ask("POST", `/update/host/${id}?token=0000`, body)).json;

test("V-1, V-28: what a machine posts is seen at once: as table, detail, JSON and CSV, and on both pages", async () => {
  const { id, name } = await register("lab.one");
  assert.is(name, "lab_one");
  const before = (await ask("GET", "/states/lab_one/")).json as Record<string, { data: unknown[]; source: string }>;
  assert.equal(before.lab_one?.data, [{ gpu_data: {}, timestamp: "no entry received." }]);
  assert.equal(await post(id, { "gpu:0": GPU }), { status: "OK", status_code: 200 });
  const row = /^\|lab_one +\| 0:GeForce GTX 1080 Ti {2}\| {3}8018 \/ {2}11169 \| {4}92 %\| {2}61 °C\|$/m;
  assert.match((await ask("GET", "/?term=true")).text, row);
  const detail = (await ask("GET", "/?term=true&detail=true")).text;
  assert.match(detail, "│  └── train.py                    8018MiB ann");
  assert.match(detail, /^#### lab_one :: 127\.0\.0\.1 #+$/m);
  assert.match(
    (await ask("GET", "/gpu_table/?term=1")).text,
    /^\|lab_one +\| 0:GeForce GTX 1080 Ti {5}\| {4}8018 \/ {3}11169 \|$/m,
  );
  const states = (await ask("GET", "/states/")).json as Record<
    string,
    { data: { gpu_data: unknown }[]; source: string }
  >;
  assert.equal(states.lab_one?.data[0]?.gpu_data, { "gpu:0": GPU });
  assert.is(states.lab_one?.source, "sender");
  assert.match(
    (await ask("GET", "/states/lab_one?format=csv")).text,
    /\r\n[^,]+,gpu:0,0,GPU-1,GeForce GTX 1080 Ti,2026/,
  );
  for (const path of ["/", "/gpu_table", "/?page=7"]) {
    const page = await ask("GET", path);
    assert.equal([page.status, page.headers["content-type"]], [200, "text/html; charset=utf-8"]);
    if (path !== "/gpu_table") assert.match(page.text, "lab_one");
  }
  assert.is((await ask("GET", "/?fetch_element=true&element=lab_one")).json.found, true);
  assert.equal((await ask("GET", "/?fetch_element=true&element=nobody")).json, { element: "", found: false });
});

test("V-31, V-34: rows of the history, oldest first, and times in the order of the settings", async () => {
  const { id, name } = await register("rows");
  for (const used_memory of [1, 2, 3]) await post(id, { "gpu:0": { ...GPU, used_memory } });
  const used = async (query: string): Promise<number[]> => {
    const { json } = await ask("GET", `/states/${name}${query}`);
    const { data } = json[name] as { data: { gpu_data: Record<string, { used_memory: number }>; timestamp: string }[] };
    for (const { timestamp } of data) assert.match(timestamp, /^\d\d\/\d\d\/\d{4} \d\d:\d\d:\d\d$/);
    return data.map(({ gpu_data }) => gpu_data["gpu:0"]?.used_memory ?? 0);
  };
  assert.equal(await used(""), [3]);
  assert.equal(await used("?fetch_num=2"), [2, 3]);
  assert.equal(await used("?fetch_num=-1"), [1, 2, 3]);
  assert.is((await ask("GET", `/states/${name}/?format=csv&fetch_num=-1`)).text.split("\r\n").length, 5);
});

test("V-20, V-47: figures of the history of the time that is asked for, and a clear refusal of what is no time", async () => {
  const { id, name } = await register("figures");
  for (const used_memory of [0, 8_018]) await post(id, { "gpu:0": { ...GPU, used_memory } });
  const past = async (query: string) => await ask("GET", `/?fetch_history=true&element=${name}${query}`);
  const figures = async (query: string) => (await past(query)).json as { times: number[]; gpus: object };
  const all = await figures("");
  assert.equal(all.gpus, {
    "gpu:0": { utilisation: [92, 92], memory: [0, 71], temperature: [61, 61], power: [null, null] },
  });
  assert.equal(await figures("&from=-3600"), all);
  assert.equal(await figures(`&from=${Math.floor(all.times[0] ?? 0)}&to=${Math.floor(all.times[1] ?? 0)}`), all);
  assert.equal(await figures("&to=-3600"), { times: [], gpus: {} });
  const { status, json } = await past("&from=soon");
  assert.equal([status, json.status_code, String(json.message).split(":")[0]], [400, 400, "from"]);
  assert.is((await ask("GET", "/?fetch_history=true&element=nobody")).status, 404);
});

test("V-19, V-20, V-24, V-28: senders' errors have HTTP status 200", async () => {
  const error = async (method: string, path: string, body?: unknown): Promise<[number, unknown, unknown]> => {
    const { status, json } = await ask(method, path, body);
    return [status, json.status_code, json.message];
  };
  assert.equal(await error("POST", "/update/host/ffff?token=0000", { "gpu:0": GPU }), [200, 404, "not in known list"]);
  assert.equal((await error("GET", "/register/?token=0000")).slice(0, 2), [200, 400]);
  assert.equal(await error("GET", "/register/?host_name=x&token=1"), [200, 403, "forbidden"]);
  const { id } = await register("bad");
  assert.equal((await error("POST", `/update/host/${id}?token=0000`, "no JSON")).slice(0, 2), [200, 400]);
  assert.equal(
    (await error("POST", `/update/host/${id}?token=0000`, { "gpu:0": { ...GPU, temperature: [] } })).slice(0, 2),
    [200, 400],
  );
  assert.equal(await error("GET", "/states/nobody/"), [404, 404, "not found"]);
  assert.equal(await error("GET", "/?term=1&page=-1"), [404, 404, "invalid page number."]);
  assert.is((await ask("GET", "/update/client/ws")).status, 405);
});

test("V-9, V-26, section 12, 22: a host is found under its sanitised name too, and can be forgotten", async () => {
  const { name } = await register("to-be.forgotten");
  assert.is(name, "to_be_forgotten");
  assert.is((await ask("DELETE", `/states/${name}/?token=wrong`)).status, 403);
  assert.is((await ask("GET", `/states/${name}`)).status, 200);
  assert.equal((await ask("DELETE", `/states/${name}/?token=0000`)).json, { status: "OK", status_code: 200 });
  assert.is((await ask("GET", `/states/${name}`)).status, 404);
  assert.is((await ask("DELETE", `/states/${name}/?token=0000`)).status, 404);
});

test("V-10: a machine has the address that it registered from, and a node the one that Kubernetes names", async () => {
  await stage.start({ ...OWN, ODIN_STORE: join(place.path, "store.db"), VESTA_TRUSTED_PROXIES: "127.0.0.1" });
  await until(async () => (await send(stage.port, "GET", "/states/nobody")).status === 404, WAIT_MS, {
    describe: "hosts are known",
  });
  const from = async (address: string, method: string, path: string, body = ""): Promise<Answer> => {
    const headers = { "x-forwarded-for": address, "content-length": String(Buffer.byteLength(body)) };
    return await send(stage.port, method, path, { headers, body });
  };
  // The token that all know counts from this machine alone.
  assert.is((await from("10.1.1.1", "GET", "/register/?host_name=moving&token=0000")).json.status_code, 403);
  await stage.start({
    ...OWN,
    ODIN_STORE: join(place.path, "store.db"),
    VESTA_TRUSTED_PROXIES: "127.0.0.1",
    VESTA_TOKEN: "",
  });
  await until(async () => (await send(stage.port, "GET", "/states/nobody")).status === 404, WAIT_MS, {
    describe: "hosts are known",
  });
  const { id } = (await from("10.1.1.1", "GET", "/register/?host_name=moving")).json;
  const posted = await from("10.2.2.2", "POST", `/update/host/${String(id)}`, JSON.stringify({ "gpu:0": GPU }));
  assert.is(posted.json.status_code, 200);
  await stage.client.create("/api/v1/nodes", {
    ...{ apiVersion: "v1", kind: "Node", metadata: { name: "vesta-node-of-v-10", labels: { "odin-test": ID } } },
  });
  const node = "/api/v1/nodes/vesta-node-of-v-10";
  try {
    await stage.client.patch(`${node}/status`, "merge", {
      status: {
        capacity: { "nvidia.com/gpu": "1" },
        addresses: [
          { type: "Hostname", address: "elsewhere" },
          { type: "InternalIP", address: "10.3.3.3" },
        ],
      },
    });
    const addressOf = async (name: string): Promise<unknown> => {
      const { json } = await send(stage.port, "GET", `/states/${name}/`);
      return (json[name] as { ip_address?: string } | undefined)?.ip_address;
    };
    assert.is(await addressOf("moving"), "10.1.1.1");
    await until(async () => (await addressOf("vesta-node-of-v-10")) === "10.3.3.3", WAIT_MS, {
      describe: "the node is shown with its address",
    });
  } finally {
    await stage.client.delete(node);
  }
});

test("V-51, V-52: an open page hears of its hosts over the websocket, and is let go when the server stops", async () => {
  const facade = await stage.start({ ...OWN, ODIN_STORE: join(place.path, "store.db") });
  const socket = new WebSocket(`ws://127.0.0.1:${stage.port}/update/client/ws`);
  const messages: string[] = [];
  socket.on("message", (data) => void messages.push(String(data)));
  await once(socket, "open");
  socket.send("1");
  await until(() => messages.some((text) => text.includes('"update":{') && text.includes("lab_one")), WAIT_MS, {
    describe: "the first page",
  });
  const closed = once(socket, "close");
  await within(WAIT_MS, () => facade.stop());
  assert.is((await closed)[0], 1001);
});

test("V-3: where it is switched off, its paths are nobody's", async () => {
  await stage.start({ VESTA_ENABLED: "false" });
  for (const path of ["/", "/states/", "/?term=true", "/static/vesta.css"]) {
    const answer = await send(stage.port, "GET", path);
    assert.equal(
      [answer.status, answer.headers["content-type"]],
      [404, "application/problem+json; charset=utf-8"],
      path,
    );
  }
});

test.run();
