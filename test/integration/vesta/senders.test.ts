// timeout: 600
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../support/deadline.ts";
import { ROOT } from "../../support/documents.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { type Answer, send } from "../../unit/api/served.ts";
import { gpu } from "../../unit/api/vesta/hosts/hosts-stage.ts";
import { FacadeStage } from "../api/facade-stage.ts";
import { GpuWorld } from "../api/gpu-world.ts";

const test = suite("machines that send");
const WAIT_MS = 60_000;
const TOKEN = "0000";
let stage: FacadeStage;
let place: TemporaryDirectory;

test.before(async () => {
  try {
    place = await temporaryDirectory();
    stage = await FacadeStage.open(settings());
    await until(() => send(stage.port, "GET", "/states/"), WAIT_MS, {
      describe: "the hosts are read",
      accept: ({ status }) => status === 200,
    });
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await stage.close();
  await place.remove();
});

/** Without the nodes of tests that run beside this one. */
function settings(): Record<string, string> {
  const store = { ODIN_STORE: join(place.path, "store.db"), VESTA_SERVER_SLEEP_TIME: "1" };
  // Nobody is taken for lost, however long the file takes.
  return { ...GpuWorld.settings(GpuWorld.newId()), ...store, VESTA_DOWN_TH: "36000" };
}

async function sender(name: string, file: string, utilisation = 3): Promise<unknown> {
  const script = join(ROOT, "test/integration/vesta/sender.py");
  const server = `http://127.0.0.1:${stage.port}`;
  const { stdout } = await promisify(execFile)("python3", [script, server, name, TOKEN, file, String(utilisation)]);
  return JSON.parse(stdout);
}

async function states(): Promise<Record<string, Record<string, unknown>>> {
  return (await send(stage.port, "GET", "/states/")).json as Record<string, Record<string, unknown>>;
}

function dataOf(host: Record<string, unknown> | undefined): { gpu_data: unknown }[] {
  return (host?.data ?? []) as { gpu_data: unknown }[];
}

const post = (id: string, body: string, query = `token=${TOKEN}`): Promise<Answer> =>
  send(stage.port, "POST", `/update/host/${id}/?${query}`, { body });

async function register(name: string): Promise<{ id: string; register_name: string }> {
  const answer = await send(stage.port, "GET", `/register/?host_name=${encodeURIComponent(name)}&token=${TOKEN}`);
  return answer.json as { id: string; register_name: string };
}

test("V-23, V-28, V-29: a sender registers once, posts, is shown, and registers again when it was forgotten", async () => {
  const file = join(place.path, "sender.yml");
  assert.equal(await sender("mau.local", file), { status: "OK", status_code: 200 });
  const kept = readFileSync(file, "utf8");
  assert.match(kept, /^hash_key: [0-9a-f]{1,32}\nregistered_name: mau_local\n$/);
  const shown = await states();
  const [entry] = dataOf(shown.mau_local);
  const processes = [{ pid: "7", name: "python3", user: "ada", used_memory: 60 }];
  assert.equal(entry?.gpu_data, { "gpu:0": gpu({ uuid: "GPU-ad466f2f", processes }) });
  assert.equal(
    { ...shown.mau_local, data: [] },
    { data: [], ip_address: "127.0.0.1", status: "running", source: "sender" },
  );
  assert.equal(await sender("mau.local", file, 99), { status: "OK", status_code: 200 });
  assert.is(readFileSync(file, "utf8"), kept);
  assert.match((await send(stage.port, "GET", "/?term=true")).text, /\|mau_local +\| 0:TITAN V .*\| {4}99 %\|/);
  assert.is((await send(stage.port, "DELETE", "/states/mau.local/?token=wrong")).status, 403);
  assert.is((await send(stage.port, "DELETE", `/states/mau_local/?token=${TOKEN}`)).status, 200);
  assert.is((await states()).mau_local, undefined);
  assert.is((await send(stage.port, "DELETE", `/states/mau_local/?token=${TOKEN}`)).status, 404);
  assert.equal(await sender("mau.local", file), { status: "OK", status_code: 200 });
  assert.is.not(readFileSync(file, "utf8"), kept);
  assert.is((await states()).mau_local?.status, "running");
});

test("V-24, V-25, V-26, V-39: registering answers with an id and a name of its own, and the host has no entry yet", async () => {
  const one = await send(stage.port, "GET", `/register/?host_name=lab%201&token=${TOKEN}`);
  const { id, ...more } = one.json as { id: string };
  assert.match(id, /^[0-9a-f]{1,32}$/);
  assert.equal(more, { register_name: "lab_1", status: "OK", status_code: 200 });
  assert.match((await register("lab,1")).register_name, /^lab_1_[0-9a-f]{8}$/);
  assert.equal((await states()).lab_1?.data, [{ gpu_data: {}, timestamp: "no entry received." }]);
  for (const query of ["", "host_name=", "host_name&token=0000"]) {
    const answer = await send(stage.port, "GET", `/register/?${query}&token=${TOKEN}`);
    assert.is(answer.status, 200);
    assert.equal(answer.json, { status: "ERROR", status_code: 400, message: "host_name is missing" });
  }
});

test("V-19, V-22, V-27, V-28: what is wrong is said in the body alone, and nothing of it is stored", async () => {
  const { id } = await register("strict");
  const good = JSON.stringify({ "gpu:0": gpu() });
  const refused: [Promise<Answer>, number, RegExp][] = [
    [post("abc", good), 404, /^not in known list$/],
    [post("node%2Fx", good), 404, /^not in known list$/],
    [post(id, good, "token=wrong"), 403, /^forbidden$/],
    [post(id, good, ""), 403, /^forbidden$/],
    [post(id, "{"), 400, /not JSON/],
    [post(id, ""), 400, /not JSON/],
    [post(id, '{"gpu:0":{}}'), 400, /^gpu:0\.device_num is missing$/],
    [post(id, good.padEnd(1024 * 1024 + 1)), 413, /larger than/],
  ];
  for (const [asked, code, message] of refused) {
    const { status, json } = await asked;
    assert.is(status, 200);
    assert.equal([json.status, json.status_code], ["ERROR", code]);
    assert.match(String(json.message), message);
  }
  assert.equal((await states()).strict?.data, [{ gpu_data: {}, timestamp: "no entry received." }]);
  assert.is((await post(id, good.padEnd(1024 * 1024))).json.status_code, 200);
  assert.is(dataOf((await states()).strict).length, 1);
  // Asking what would be answered changes nothing.
  await send(stage.port, "HEAD", `/register/?host_name=head&token=${TOKEN}`);
  assert.is((await states()).head, undefined);
});

test("V-28: under many posts at once each is seen by the next GET", async () => {
  const machines = await Promise.all(Array.from({ length: 20 }, (_, n) => register(`burst-${n}`)));
  for (let round = 1; round <= 3; round++) {
    await Promise.all(
      machines.map(async ({ id, register_name: name }, index) => {
        const use = round * 20 + index;
        assert.is((await post(id, JSON.stringify({ "gpu:0": gpu({ gpu_volatile: use }) }))).json.status_code, 200);
        const { text } = await send(stage.port, "GET", "/?term=true");
        const line = text.split("\n").find((one) => one.startsWith(`|${name} `)) ?? "";
        assert.is(/(\d+) %/.exec(line)?.[1], String(use), line);
      }),
    );
  }
});

test("V-5: what was posted is there after a restart", async () => {
  const { id } = await register("lasting");
  await post(id, JSON.stringify({ "gpu:0": gpu({ gpu_volatile: 77 }) }));
  const before = await states();
  await stage.stop();
  await stage.start(settings());
  const after = await until(states, WAIT_MS, { describe: "hosts", accept: (found) => found.lasting !== undefined });
  assert.equal(after, before);
  assert.is((await post(id, JSON.stringify({}))).json.status_code, 200);
});

test.run();
