// timeout: 900
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../../../local/command.ts";
import { clientCommands } from "../../support/odin-clients.ts";
import { skip } from "../../support/skip.ts";
import { send } from "../../unit/api/served.ts";
import { ClockworkStage } from "../clockwork/clockwork-stage.ts";

/** Calls one method of the published client and prints what it returns, or what it raises. */
const CALL = `
import json, sys
from clockwork_tools.client import ClockworkTools
port, email, key, method, arguments = sys.argv[1:]
client = ClockworkTools({"host": "127.0.0.1", "port": int(port), "email": email, "clockwork_api_key": key})
try:
    result = getattr(client, method)(**json.loads(arguments))
    print("RESULT " + json.dumps(result))
except Exception as problem:
    print("RAISED " + str(problem))
`;

/** Sends requests in the form in which the newer, unpublished client sends them (C-91): one per line of its input. */
const SEND = `
import base64, json, sys
import requests
port, email, key = sys.argv[1:4]
headers = {"Authorization": "Basic " + base64.b64encode(f"{email}:{key}".encode()).decode()}
for line in json.loads(sys.argv[4]):
    address = f"http://127.0.0.1:{port}/api/v1/clusters/{line['path']}"
    if line["method"] == "GET":
        answer = requests.get(address, params=line["values"], headers=headers)
    else:
        body = json.dumps(line["values"])
        answer = requests.put(address, data=body, headers={"Content-type": "application/json", **headers})
    print("RESULT " + json.dumps([answer.status_code, answer.json()]))
`;

const EMAIL = "ada@example.org";
const test = suite("the clients of Clockwork");
let commands = "";
let stage: ClockworkStage;

async function python(script: string, ...args: string[]): Promise<string[]> {
  const identity = [String(stage.port), EMAIL, stage.keyOf("ada")];
  const output = await run(join(commands, "python"), ["-c", script, ...identity, ...args], { timeoutMs: 120_000 });
  return output.split("\n").filter((line) => /^(RESULT|RAISED) /.test(line));
}

/** What a method of the published client returns; throws what it raises. */
async function call(method: string, values: object = {}): Promise<unknown> {
  const [line = ""] = await python(CALL, method, JSON.stringify(values));
  if (line.startsWith("RESULT ")) return JSON.parse(line.slice("RESULT ".length));
  throw new Error(line);
}

interface Sent {
  method: "GET" | "PUT";
  path: string;
  values: object;
}

async function sendAll(...requests: Sent[]): Promise<[number, unknown][]> {
  const lines = await python(SEND, JSON.stringify(requests));
  return lines.map((line) => JSON.parse(line.slice("RESULT ".length)) as [number, unknown]);
}

const idsOf = (jobs: unknown): string[] =>
  (jobs as { slurm: { job_id: string } }[]).map(({ slurm }) => slurm.job_id).sort();

test.before(async () => {
  try {
    stage = await ClockworkStage.open();
    await stage.user("ada", { email: EMAIL });
    await stage.record([{ number: 1 }, { number: 2, clusterName: "other" }, { number: 3, email: "bob" }]);
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await stage.close();
});

test("C-90, C-91: the published client lists jobs and finds one", async () => {
  assert.equal(idsOf(await call("jobs_list")), ["1", "2"]);
  assert.equal(idsOf(await call("jobs_list", { user: "ada", cluster_name: "other", relative_time: 1e10 })), ["2"]);
  assert.equal(await call("jobs_list", { user: "bob" }), []);
  assert.equal(idsOf([await call("jobs_one", { job_id: "1" })]), ["1"]);
  assert.equal(await call("jobs_one", { job_id: "3" }), {});
});

test("C-92: what is refused is raised with its status and its text", async () => {
  const raised = await call("jobs_one").then(
    () => "nothing",
    (error: Error) => error.message,
  );
  assert.is(raised, "RAISED Server rejected call with code 400. Missing argument job_id.");
});

test("C-22, C-45, C-91: the published client writes into the dict of a job, as a form", async () => {
  const pairs = { goal: "paper é", n: 1 };
  assert.equal(await call("jobs_user_dict_update", { job_id: "1", cluster_name: "main", update_pairs: pairs }), pairs);
  assert.equal(await call("jobs_user_dict_update", { job_id: "1", update_pairs: { n: 2 } }), { ...pairs, n: 2 });
  assert.equal(((await call("jobs_one", { job_id: "1" })) as { user: object }).user, { ...pairs, n: 2 });
});

test("C-26, C-27, C-91: the published client lists nodes, and finds none of a name that there is not", async () => {
  const nodes = await call("nodes_list");
  assert.ok(Array.isArray(nodes), JSON.stringify(nodes));
  assert.equal(await call("nodes_one", { name: "nothing" }), {});
});

test("C-23, C-24, C-25, C-91: requests of the newer client", async () => {
  const job = { job_id: "1", cluster_name: "main" };
  const answers = await sendAll(
    { method: "GET", path: "jobs/list", values: { username: EMAIL, relative_time: 1e10 } },
    { method: "GET", path: "jobs/one", values: { job_id: "1" } },
    { method: "PUT", path: "jobs/user_props/set", values: { ...job, updates: { note: "é\u{1f600}" } } },
    { method: "GET", path: "jobs/user_props/get", values: job },
    { method: "PUT", path: "jobs/user_props/delete", values: { ...job, keys: "note" } },
    { method: "GET", path: "jobs/user_props/get", values: job },
    { method: "GET", path: "nodes/one", values: { node_name: "pod-name" } },
  );
  assert.equal(
    answers.map(([status]) => status),
    answers.map(() => 200),
    JSON.stringify(answers),
  );
  const [list, one, ...notes] = answers.map(([, value]) => value);
  assert.equal([idsOf(list), idsOf([one])], [["1", "2"], ["1"]]);
  assert.equal(notes, [{ note: "é\u{1f600}" }, { note: "é\u{1f600}" }, "", {}, {}]);
});

/** The requests of the document, as it shows them, and what kind of answer each promises. */
const DOCUMENTED: Readonly<Record<string, "list" | "object">> = {
  "GET jobs/list": "list",
  "GET jobs/one?job_id=233874&cluster_name=mila": "object",
  "GET nodes/list?cluster_name=beluga": "list",
  "GET nodes/one?name=cn-a002&cluster_name=mila": "object",
  "GET node/one?node_name=cn-a002&cluster_name=mila": "object",
  "GET gpu/one?gpu_name=rtx8000": "object",
  "GET gpu/list": "list",
};

test("C-1, C-11, C-13, C-20 to C-22, C-26 to C-30: the document's requests, below both prefixes, with key and with token", async () => {
  for (const request of Object.keys(DOCUMENTED)) {
    const [method = "", path = ""] = request.split(" ");
    const { status, text } = await send(stage.port, method, `/api/v1/clusters/${path}`);
    assert.equal([status, text], [401, '"Authorization error."\n'], request);
  }
  for (const authorization of [`Bearer ${stage.keyOf("ada")}`, `Bearer ${stage.facade.token}`]) {
    for (const [request, kind] of Object.entries(DOCUMENTED)) {
      const [method = "", path = ""] = request.split(" ");
      const answers = await Promise.all(
        ["cluster", "clusters"].map((prefix) =>
          send(stage.port, method, `/api/v1/${prefix}/${path}`, {
            headers: { authorization, accept: "application/json" },
          }),
        ),
      );
      for (const { status, headers, text } of answers) {
        assert.equal([status, headers["content-type"]], [200, "application/json"], `${request}: ${text}`);
        const value: unknown = JSON.parse(text);
        assert.is(Array.isArray(value) ? "list" : typeof value, kind, request);
      }
      assert.is(answers[0]?.text, answers[1]?.text, request);
    }
  }
  const update = `jobs/user_dict_update?job_id=1&update_pairs=${encodeURIComponent('{"train_loss": 0.20}')}`;
  const headers = { authorization: `Bearer ${stage.keyOf("ada")}` };
  for (const prefix of ["cluster", "clusters"]) {
    const updated = await send(stage.port, "PUT", `/api/v1/${prefix}/${update}`, { headers });
    assert.equal([updated.status, updated.json.train_loss], [200, 0.2], updated.text);
  }
});

try {
  commands = await clientCommands("clockwork-tools-0.1.0");
  test.run();
} catch (error) {
  skip("file", `clockwork-tools cannot be installed: ${error instanceof Error ? error.message : String(error)}`);
}
