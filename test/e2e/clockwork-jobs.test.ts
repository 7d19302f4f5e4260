// timeout: 600
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { attemptJobId, clockworkId } from "../../crds/clockwork-id.ts";
import type { Pipeline, Task } from "../../crds/generated/types.ts";
import { loadImages } from "../../local/node-images.ts";
import { until } from "../support/deadline.ts";
import { kubectl, kubectlApply, testVariable } from "../support/kubectl.ts";
import { clientCommands } from "../support/odin-clients.ts";
import { type PackagesImage, writePackagesImage } from "../support/python-packages-image.ts";
import { basic } from "../unit/api/clockwork/served-clockwork.ts";
import { send, sendJson } from "../unit/api/served.ts";
import { ClockworkStage, isFinal, type Job, WAIT_MS } from "./clockwork-stage.ts";

const IMAGE = "python:3.11-slim";

const CLIENT_IMAGE: PackagesImage = {
  name: "docker.io/library/odin-clockwork-client:test",
  place: "/usr/local/lib/clockwork",
};

/**
 * What the newer client does in its constructor where SLURM_JOBID is set, and then in `jobs_one()` without arguments (C-93). The client needs a library
 * that the image has not, and is not published; these are its requests, made with what Python brings along.
 */
const INSIDE = `
import base64, json, os, socket, time, urllib.parse, urllib.request
secret = os.environ["CLOCKWORK_EMAIL"] + ":" + open("/key/key").read()
headers = {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode(), "Accept": "*/*"}
def ask(path, **values):
    address = os.environ["CLOCKWORK_ADDRESS"] + "/api/v1/clusters/" + path + "?" + urllib.parse.urlencode(values)
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
        return json.load(answer)
name = socket.gethostname().split(".")[0]
told = {"name": name, "node": ask("nodes/one", node_name=name)}
for _ in range(240):
    told["job"] = ask("jobs/one", job_id=os.environ["SLURM_JOBID"])
    if told["job"]: break
    time.sleep(0.5)
print("TOLD " + json.dumps(told))
`;

/** The published client, in a pod that works as a task of its user; prints what its methods return. */
const CLIENT = `
import json, os
from clockwork_tools.client import ClockworkTools
host, port = os.environ["CLOCKWORK_HOST"].rsplit(":", 1)
key = open("/key/key").read()
client = ClockworkTools({"host": host, "port": int(port), "email": os.environ["CLOCKWORK_EMAIL"], "clockwork_api_key": key})
own = os.environ["SLURM_JOBID"]
ids = lambda jobs: sorted(job["slurm"]["job_id"] for job in jobs)
page = lambda number: client._request("api/v1/clusters/jobs/list", {"user": "ada", "page_num": number, "nbr_items_per_page": 1})
told = {
    "listed": own in ids(client.jobs_list()),
    "filtered": [ids(client.jobs_list(user="ada", relative_time=3600)), ids(client.jobs_list(user="nobody"))],
    "pages": [ids(page(number)) for number in (1, 2, 3)],
    "one": client.jobs_one(job_id=own)["slurm"]["name"],
    "written": client.jobs_user_dict_update(job_id=own, update_pairs={"goal": "paper", "n": 1}),
    "read": client.jobs_one(job_id=own)["user"],
    "nodes": len(client.nodes_list()),
}
try:
    client.jobs_user_dict_update(job_id="no such job", update_pairs={"n": 1})
except Exception as problem:
    told["raised"] = str(problem)
print("TOLD " + json.dumps(told))
`;

const jobs = suite("jobs of Clockwork on a real node");
let stage: ClockworkStage;
jobs.before(async () => {
  try {
    stage = await ClockworkStage.start();
  } catch (error) {
    console.error(error);
    throw error;
  }
});
jobs.after(() => stage?.end());

async function run(name: string, task: Partial<Task> & { command: string[] }, user = "root"): Promise<string> {
  await kubectlApply(stage.namespace, {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: { name },
    spec: {
      user,
      tasks: [{ name: "a", image: IMAGE, terminationGracePeriodSeconds: 2, infrastructureRetries: 0, ...task }],
    },
  });
  const made = JSON.parse(await kubectl("get", "pipeline", name, "-n", stage.namespace, "-o", "json")) as Pipeline;
  return attemptJobId(made.metadata.uid, "a", 1);
}

const script = (text: string): string[] => ["sh", "-c", text];

jobs(
  "C-73, C-74, C-79, C-80: real pods end as what became of them, and stay when their runs are deleted and the facade was started again",
  async () => {
    const sleeping = script("sleep 3600");
    const ids = {
      done: await run("done", { command: script('echo "job $SLURM_JOBID of $CLOCKWORK_EMAIL"; sleep 2') }),
      failed: await run("failed", { command: script("exit 3") }),
      hungry: await run("hungry", {
        command: ["python3", "-c", "x = bytearray(400_000_000); print(sum(x))"],
        memory: { limits: "32Mi" },
      }),
      // Its time counts from before its pod has a node; it is to have started when that is over.
      late: await run("late", { command: sleeping, timeout: 60 }),
      unwanted: await run("unwanted", { command: sleeping }),
      deleted: await run("deleted", { command: sleeping }),
    };
    const running = (id: string): Promise<Job> => stage.untilJob(id, "runs", (state) => state === "RUNNING");
    await Promise.all([running(ids.unwanted), running(ids.deleted)]);
    await kubectl(
      "patch",
      "pipeline",
      "unwanted",
      "-n",
      stage.namespace,
      "--type=merge",
      "-p",
      '{"spec":{"cancel":true}}',
    );
    await kubectl("delete", "pod", "deleted--a", "-n", stage.namespace, "--wait=false");
    const ended = Object.fromEntries(
      await Promise.all(
        Object.entries(ids).map(
          async ([name, id]) => [name, await stage.untilJob(id, `of ${name} has ended`, isFinal)] as const,
        ),
      ),
    );
    assert.equal(
      Object.entries(ended).map(([name, { slurm }]) => [name, slurm.job_state]),
      [
        ["done", "COMPLETED"],
        ["failed", "FAILED"],
        ["hungry", "OUT_OF_MEMORY"],
        ["late", "TIMEOUT"],
        ["unwanted", "CANCELLED"],
        ["deleted", "CANCELLED"],
      ],
      await stage.whatWasSeen(Object.values(ended)),
    );
    assert.equal(
      [ended.done?.slurm.exit_code, ended.failed?.slurm.exit_code, ended.hungry?.slurm.exit_code],
      ["0:0", "3:0", "0:9"],
    );
    for (const [name, { slurm }] of Object.entries(ended)) {
      const { submit_time, start_time, end_time, nodes, username, name: task } = slurm;
      assert.ok(Number(submit_time) <= Number(start_time) && Number(start_time) <= Number(end_time), name);
      assert.ok(typeof nodes === "string" && nodes !== "", name);
      assert.equal([username, task], ["root", "a"], name);
    }
    const log = await until(() => send(stage.port, "GET", "/v1/resources/done--a/logs"), WAIT_MS, {
      describe: "the task has told its job",
      accept: ({ text }) => text.includes("job "),
    });
    assert.match(log.text, `job ${ids.done} of root`);

    await kubectl("delete", "pipelines", "--all", "-n", stage.namespace, "--wait=true");
    await stage.restart();
    for (const [name, id] of Object.entries(ids)) {
      const again = await stage.untilJob(id, "is there again", isFinal);
      assert.equal(again.slurm, ended[name]?.slurm, name);
    }
  },
);

jobs("C-70: a pod of nobody's, and one of a batch Job that is out of time, are jobs too", async () => {
  const container = { name: "c", image: IMAGE, command: script("sleep 1") };
  const template = {
    spec: {
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 1,
      containers: [{ ...container, command: script("sleep 600") }],
    },
  };
  await kubectlApply(
    stage.namespace,
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "plain" },
      spec: { restartPolicy: "Never", containers: [container] },
    },
    {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: "overdue" },
      spec: { activeDeadlineSeconds: 15, template },
    },
  );
  const uidOf = (...what: string[]): Promise<string> =>
    until(
      () => kubectl("get", "pods", ...what, "-n", stage.namespace, "-o", "jsonpath={.items[*].metadata.uid}"),
      WAIT_MS,
      {
        describe: "the pod is there",
        accept: (uid) => uid !== "",
      },
    );
  const plain = clockworkId(await uidOf("--field-selector=metadata.name=plain"));
  const overdue = clockworkId(await uidOf("-l", "batch.kubernetes.io/job-name=overdue"));
  assert.is((await stage.untilJob(plain, "ends", isFinal)).slurm.job_state, "COMPLETED");
  const { slurm } = await stage.untilJob(overdue, "ends", isFinal);
  assert.equal([slurm.job_state, slurm.time_limit, slurm.array_task_id], ["TIMEOUT", 15, "None"]);
});

jobs(
  "C-93: from inside a task the client finds no node of the pod's name, and that very task by its id alone",
  async () => {
    const user = { username: "ada", password: "ada's password" };
    const headers = { authorization: stage.authorization };
    assert.is((await sendJson(stage.port, "POST", "/v1/users", { user }, headers)).status, 200);
    const made = await until(
      () => send(stage.port, "POST", "/api/v1/clusters/keys", { headers: basic("ada", "ada's password") }),
      WAIT_MS,
      { describe: "ada has a key", accept: ({ status }) => status === 200 },
    );
    await kubectlApply(stage.namespace, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "ada-key", labels: { "odin.io/mountable": "true" } },
      stringData: { key: String(made.json.clockwork_api_key) },
    });
    const id = await run(
      "inside",
      {
        command: ["python3", "-c", INSIDE],
        env: { CLOCKWORK_ADDRESS: `http://${testVariable("ODIN_TEST_HOST_ADDRESS")}:${stage.port}` },
        secrets: [{ name: "ada-key", path: "/key" }],
      },
      "ada",
    );
    const { slurm: ended } = await stage.untilJob(id, "ends", isFinal);
    const log = async (): Promise<string> =>
      String(JSON.parse((await send(stage.port, "GET", "/v1/resources/inside--a/logs")).text));
    const text = await until(log, WAIT_MS, {
      describe: "the task's log is there",
      accept: (text) => /^TOLD .+$|^Traceback/m.test(text),
    });
    assert.is(ended.job_state, "COMPLETED", text);
    const [, line = ""] = /^TOLD (.+)$/m.exec(text) ?? [];
    const told = JSON.parse(line) as { name: string; node: object; job: Job & { cw: Record<string, unknown> } };
    assert.equal([told.name, told.node], ["inside--a", {}]);
    assert.equal([told.job.slurm.job_id, told.job.slurm.name, told.job.slurm.username], [id, "a", "ada"]);
    assert.is(told.job.cw.mila_email_username, "ada");
  },
);

jobs("C-1, C-90, C-91: the published client lists, filters, pages and writes from inside a pod", async () => {
  const work = join(stage.path, "image");
  await mkdir(work);
  const archive = await writePackagesImage(CLIENT_IMAGE, await clientCommands("clockwork-tools-0.1.0"), work);
  await loadImages(dirname(testVariable("KUBECONFIG")), [archive]);
  const first = await stage.untilJob(await run("before", { command: script("true") }, "ada"), "ends", isFinal);
  const id = await run(
    "client",
    {
      image: CLIENT_IMAGE.name,
      command: ["python3", "-c", CLIENT],
      env: {
        CLOCKWORK_HOST: `${testVariable("ODIN_TEST_HOST_ADDRESS")}:${stage.port}`,
        PYTHONPATH: CLIENT_IMAGE.place,
      },
      secrets: [{ name: "ada-key", path: "/key" }],
    },
    "ada",
  );
  const log = async (): Promise<string> =>
    String(JSON.parse((await send(stage.port, "GET", "/v1/resources/client--a/logs")).text));
  await stage.untilJob(id, "ends", isFinal);
  const text = await until(log, WAIT_MS, {
    describe: "the task's log is there",
    accept: (text) => /^TOLD .+$|^Traceback/m.test(text),
  });
  const [, line = ""] = /^TOLD (.+)$/m.exec(text) ?? [];
  assert.ok(line !== "", text);
  const told = JSON.parse(line) as Record<string, unknown> & { filtered: string[][]; pages: string[][] };
  const { listed, filtered, pages, one, written, read, nodes, raised } = told;
  const [ofAda, ofNobody] = filtered;
  assert.equal([listed, one, ofNobody], [true, "a", []]);
  assert.ok(ofAda?.includes(id) && ofAda.includes(first.slurm.job_id), text);
  assert.ok(pages.every((page) => page.length <= 1) && pages[0]?.length === 1 && pages[1]?.length === 1, text);
  assert.not.equal(pages[0], pages[1]);
  assert.equal(
    [written, read],
    [
      { goal: "paper", n: 1 },
      { goal: "paper", n: 1 },
    ],
  );
  assert.ok(Number(nodes) >= 1, text);
  assert.match(String(raised), /Server rejected call with code 404/);
});

jobs.run();
