import { request } from "node:http";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ExecProgram } from "../../../../api/mlbench/controller/rank-command.ts";
import { mpiJobRoutes } from "../../../../api/mlbench/mpi-jobs/routes.ts";
import type { WorkerObject } from "../../../../api/mlbench/pods/worker-object.ts";
import { errorFromNetwork, KubeError } from "../../../../kube/errors.ts";
import type { ExecOptions } from "../../../../kube/exec.ts";
import { until, within } from "../../../support/deadline.ts";
import { type ServedMlbench, serveMlbench } from "./served-mlbench.ts";

const WAIT_MS = 60_000;
const test = suite("jobs of MPI");
let served: ServedMlbench;
let live: WorkerObject[] = [];
let exec: ExecProgram = () => Promise.resolve(0);

test.before(async () => {
  const pods = { live: () => [...live] };
  served = await serveMlbench(mpiJobRoutes({ pods, namespace: "bench", exec: (options) => exec(options) }));
});
test.after(() => served.listener.close(1_000));
test.before.each(() => {
  live = [worker("w-1", "10.0.0.2"), worker("w-2", ""), worker("w-0", "10.0.0.1")];
});

function worker(name: string, ip: string): WorkerObject {
  return {
    metadata: { name, uid: name, resourceVersion: "1" },
    labels: { app: "mlbench" },
    phase: "Running",
    ip,
    node: "n",
    hostIp: "",
    hostNetwork: false,
    container: "main",
  } as WorkerObject;
}

async function post(): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await within(WAIT_MS, () =>
    fetch(`http://127.0.0.1:${served.port}/api/mpi_jobs/`, { method: "POST" }),
  );
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

test("M-65: the program runs in the first worker by name, and the answer tells all it wrote, as it came", async () => {
  const asked: ExecOptions[] = [];
  exec = async (options) => {
    asked.push(options);
    await options.onData("stdout", Buffer.from("one\r\n"));
    await options.onData("stderr", Buffer.from('two "\\\n'));
    const euro = Buffer.from("€");
    await options.onData("stdout", euro.subarray(0, 1));
    await options.onData("stdout", Buffer.concat([euro.subarray(1), Buffer.from([0xff])]));
    return 3;
  };
  assert.equal(await post(), {
    status: 200,
    body: {
      nodes: [
        ["10.0.0.1", "bench", "w-0", "{'app': 'mlbench'}"],
        ["10.0.0.2", "bench", "w-1", "{'app': 'mlbench'}"],
        ["", "bench", "w-2", "{'app': 'mlbench'}"],
      ],
      command: "['sh', '/usr/bin/mpirun', '--host', '10.0.0.1,10.0.0.2', '/usr/local/bin/python', '/app/main.py']",
      master_name: "w-0",
      response: 'one\r\ntwo "\\\n€\u{FFFD}',
    },
  });
  const [{ namespace, pod, container, command } = {} as ExecOptions] = asked;
  assert.equal([namespace, pod, container], ["bench", "w-0", "main"]);
  assert.equal(command.slice(0, 4), ["sh", "/usr/bin/mpirun", "--host", "10.0.0.1,10.0.0.2"]);
});

test("M-66: an exit status is not told, and much output is no more in memory than what goes out", async () => {
  const piece = Buffer.alloc(64 * 1024, "y");
  exec = async ({ onData }) => {
    for (let i = 0; i < 500; i++) await onData("stdout", piece);
    return 1;
  };
  const { status, body } = await post();
  assert.is(status, 200);
  assert.equal(Object.keys(body), ["nodes", "command", "master_name", "response"]);
  assert.is(String(body.response).length, 500 * piece.length);
});

test("M-66: without worker pods there is nothing to run it in", async () => {
  live = [];
  assert.equal(await post(), {
    status: 503,
    body: { status: "Service Unavailable", message: "There are no worker pods" },
  });
});

test("M-10, M-66: a program that the node cannot start, and an API server that is out of reach", async () => {
  exec = () =>
    Promise.reject(new KubeError({ code: 0, reason: "ExecFailed", category: "other", message: "no such file" }));
  const refused = await post();
  assert.is(refused.status, 503);
  assert.is(refused.body.message, "The program could not be started in worker pod w-0");
  exec = () => Promise.reject(errorFromNetwork("exec", new Error("ECONNREFUSED")));
  assert.is((await post()).status, 503);
});

test("M-66: a client that hangs up ends the program, also one that has not written anything, or cannot get rid of it", async () => {
  for (const writes of [false, true]) {
    let ended = false;
    let begun = false;
    exec = async ({ onData, signal }) => {
      begun = true;
      const aborted = new Promise<void>((done) => signal.addEventListener("abort", () => done(), { once: true }));
      try {
        while (writes && !signal.aborted) await onData("stdout", Buffer.alloc(64 * 1024, "z"));
      } catch {
        // Whoever writes is told so.
      }
      await aborted;
      ended = true;
      throw new KubeError({ code: 0, reason: "Aborted", category: "aborted", message: "aborted" });
    };
    const asking = request({ port: served.port, path: "/api/mpi_jobs", method: "POST" });
    asking.on("error", () => undefined);
    asking.end();
    await until(() => begun, WAIT_MS, { describe: "the program" });
    assert.not.ok(ended);
    asking.destroy();
    await until(() => ended, WAIT_MS, { describe: "its end" });
  }
});

test.run();
