// timeout: 900
import { execFile } from "node:child_process";
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { attemptJobId, clockworkId } from "../../crds/clockwork-id.ts";
import type { Pipeline } from "../../crds/generated/types.ts";
import { NODE_NAME } from "../../local/node-seat.ts";
import { createSharedVolume } from "../../local/shared-volume.ts";
import { until } from "../support/deadline.ts";
import { ROOT } from "../support/documents.ts";
import { kubectl, testVariable } from "../support/kubectl.ts";
import { send, sendJson } from "../unit/api/served.ts";
import { ClockworkStage, isFinal, type Job, WAIT_MS } from "./clockwork-stage.ts";

const execute = promisify(execFile);

const CLAIM = "data-rw-many";
/** In the order in which a job that goes well passes them; the two that are not asked for may be too short to be seen. */
const COURSE = ["PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "COMPLETED"];

const examples = suite("the examples as jobs of Clockwork");
let stage: ClockworkStage;
examples.before(async () => {
  try {
    stage = await ClockworkStage.start();
  } catch (error) {
    console.error(error);
    throw error;
  }
});
examples.after(async () => {
  await stage?.end();
});

/** Asks for some jobs again and again, and keeps each as it was first seen in each state. */
class FollowedJobs {
  readonly #ids: readonly string[];
  readonly #seen = new Map<string, Job[]>();
  readonly #work: Promise<void>;
  #isOver = false;

  constructor(ids: readonly string[]) {
    this.#ids = ids;
    this.#work = this.#follow();
    // Told when it is ended.
    this.#work.catch(() => undefined);
  }

  /** The states that a job was seen in, in the order in which they were seen. */
  states(id: string): string[] {
    return (this.#seen.get(id) ?? []).map(({ slurm }) => slurm.job_state);
  }

  /** A job as it was first seen in a state that is accepted. */
  async until(id: string, describe: string, accept: (state: string) => boolean): Promise<Job> {
    const find = (): Job | undefined => this.#seen.get(id)?.find(({ slurm }) => accept(slurm.job_state));
    await until(() => find() ?? this.states(id), WAIT_MS, {
      describe: `job ${id} was seen ${describe}`,
      accept: () => find() !== undefined,
    });
    const found = find();
    assert.ok(found);
    return found as Job;
  }

  /** Rejects if one of its requests failed, or a job that was listed was missing later. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#work;
  }

  async #follow(): Promise<void> {
    while (!this.#isOver) {
      const jobs = await listed(`job_id=${this.#ids.join()}`);
      for (const job of jobs) {
        const seen = this.#seen.get(job.slurm.job_id) ?? [];
        this.#seen.set(job.slurm.job_id, seen);
        if (seen.at(-1)?.slurm.job_state !== job.slurm.job_state) seen.push(job);
      }
      const present = new Set(jobs.map(({ slurm }) => slurm.job_id));
      for (const id of this.#seen.keys()) assert.ok(present.has(id), `job ${id} is listed no longer`);
      await pause(50);
    }
  }
}

/** The jobs of a query, by the time of their submission. */
async function listed(query: string, prefix = "clusters"): Promise<Job[]> {
  const headers = { authorization: stage.authorization };
  const { status, text } = await send(stage.port, "GET", `/api/v1/${prefix}/jobs/list?${query}`, { headers });
  assert.is(status, 200, text);
  return JSON.parse(text) as Job[];
}

/**
 * The volume of the example, with two doors of the test's own, so that no state of a task is too short to be seen: pods that use it get a node only
 * while the node is said to have it, and the file that the first task writes last and the second reads first is a pipe.
 */
class Doors {
  readonly #volume: string;
  readonly #label: string;
  readonly #directory: string;
  #pipe = "";

  private constructor(directory: string) {
    this.#volume = `odin-local-${stage.namespace}-${CLAIM}`;
    this.#label = `test.odin.io/${stage.namespace}`;
    this.#directory = directory;
  }

  static async make(): Promise<Doors> {
    const doors = new Doors(await createSharedVolume(testVariable("KUBECONFIG"), stage.namespace, CLAIM));
    const matchExpressions = [{ key: doors.#label, operator: "Exists" }];
    const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions }] } };
    await kubectl("patch", "pv", doors.#volume, "--type=merge", "-p", JSON.stringify({ spec: { nodeAffinity } }));
    return doors;
  }

  // By its name: of all nodes, one that another file has made may be gone before it has its label.
  async openNode(): Promise<void> {
    await kubectl("label", "node", NODE_NAME, `${this.#label}=`);
  }

  async closeNode(): Promise<void> {
    await kubectl("label", "node", NODE_NAME, `${this.#label}-`);
  }

  /** Puts the pipe where the run writes its report: as a task writes it, before it gives it its name. */
  async layPipe(run: string): Promise<void> {
    const ofRun = join(this.#directory, "odin", run);
    const ofTask = join(ofRun, `${run}--sst2`);
    await mkdir(ofTask, { recursive: true });
    this.#pipe = join(ofTask, "report.json");
    await execute("mkfifo", [`${this.#pipe}.part`]);
    // Tasks do not run as root, and what is made here has the mode that this process gives.
    for (const [path, mode] of [
      [ofRun, 0o777],
      [ofTask, 0o777],
      [`${this.#pipe}.part`, 0o666],
    ] as const)
      await chmod(path, mode);
  }

  /** Lets the first task end, and returns what it has written. */
  async takeReport(): Promise<string> {
    return (await execute("cat", [`${this.#pipe}.part`], { timeout: WAIT_MS })).stdout;
  }

  /** Lets the second task read that. */
  async giveReport(report: string): Promise<void> {
    const writing = execute("tee", [this.#pipe], { timeout: WAIT_MS });
    writing.child.stdin?.end(report);
    await writing;
  }

  async remove(): Promise<void> {
    await this.closeNode();
    await kubectl("delete", "pv", this.#volume, "--wait=false");
  }
}

interface Pod {
  metadata: { name: string; creationTimestamp: string; annotations: Record<string, string> };
  spec: { nodeName: string };
  status: {
    containerStatuses: [{ state: { terminated: { exitCode: number; startedAt: string; finishedAt: string } } }];
  };
}

async function pipeline(name: string): Promise<Pipeline> {
  return JSON.parse(await stage.kubectl("get", "pipeline", name, "--output=json")) as Pipeline;
}

/** Times, place and end of a job, as its pod says them. */
async function whatThePodSays(pod: string): Promise<Record<string, unknown>> {
  const { metadata, spec, status } = JSON.parse(await stage.kubectl("get", "pod", pod, "--output=json")) as Pod;
  const { exitCode, startedAt, finishedAt } = status.containerStatuses[0].state.terminated;
  const seconds = (text: string): number => Date.parse(text) / 1000;
  return {
    job_id: metadata.annotations["odin.io/clockwork-job-id"],
    submit_time: seconds(metadata.creationTimestamp),
    start_time: seconds(startedAt),
    end_time: seconds(finishedAt),
    nodes: spec.nodeName,
    exit_code: `${exitCode}:0`,
  };
}

function pick(job: Job, keys: Iterable<string>): Record<string, unknown> {
  return Object.fromEntries([...keys].map((key) => [key, job.slurm[key]]));
}

const is = (wanted: string) => (state: string) => state === wanted;

/** What a job shows of itself while it waits for a node, and while it runs. */
function assertUnderWay(job: Job, node: unknown, hasStarted: boolean): void {
  const { submit_time, start_time, end_time, nodes, exit_code, tres_allocated, tres_requested } = job.slurm;
  assert.equal(
    [end_time, nodes, exit_code, tres_allocated],
    [null, node, "0:0", hasStarted ? tres_requested : {}],
    JSON.stringify(job),
  );
  if (!hasStarted) assert.is(start_time, null);
  else assert.ok(start_time !== null && submit_time <= start_time, JSON.stringify(job));
}

examples(
  "C-72, C-73, C-74, C-80: the tasks of sst2 are seen PENDING, RUNNING and COMPLETED, the failing example FAILED, and all of them still when their runs are deleted and the facade was started again",
  async () => {
    const ada = await stage.user("ada", "ada's password");
    const doors = await Doors.make();
    let followed: FollowedJobs | undefined;
    try {
      await stage.kubectl("apply", "-f", join(ROOT, "examples/sst2/job.yaml"));
      const started = await until(
        () => sendJson(stage.port, "POST", "/v1/pipelines", { pipeline: { job: "sst2" } }, { authorization: ada }),
        WAIT_MS,
        { describe: "the API knows the job", accept: ({ status }) => status === 200 },
      );
      const name = (started.json.pipeline as { id: string }).id;
      await stage.kubectl("apply", "-f", join(ROOT, "examples/failing/pipeline.yaml"));
      const [sst2Run, failingRun] = [(await pipeline(name)).metadata.uid, (await pipeline("failing")).metadata.uid];
      const ids = {
        sst2: attemptJobId(sst2Run, "sst2", 1),
        after: attemptJobId(sst2Run, "after", 1),
        bad: attemptJobId(failingRun, "bad", 1),
        beside: attemptJobId(failingRun, "beside", 1),
        never: attemptJobId(failingRun, "never", 1),
      };
      followed = new FollowedJobs(Object.values(ids));

      const waiting = { sst2: await followed.until(ids.sst2, "pending", is("PENDING")) };
      await doors.layPipe(name);
      await doors.openNode();
      const running = { sst2: await followed.until(ids.sst2, "running", is("RUNNING")) };
      assert.equal(
        (await listed(`user=ada&aggregated_job_state=RUNNING`)).map(({ slurm }) => slurm.job_id),
        [ids.sst2],
      );
      await doors.closeNode();
      const report = await doors.takeReport();
      const trained = await followed.until(ids.sst2, "over", isFinal);
      const waitingAfter = await followed.until(ids.after, "pending", is("PENDING"));
      await doors.openNode();
      const runningAfter = await followed.until(ids.after, "running", is("RUNNING"));
      await doors.giveReport(report);
      const ended = {
        sst2: trained,
        after: await followed.until(ids.after, "over", isFinal),
        bad: await followed.until(ids.bad, "over", isFinal),
        beside: await followed.until(ids.beside, "over", isFinal),
      };
      await followed.end();

      const seen = await stage.whatWasSeen(Object.values(ended));
      assert.equal(
        Object.entries(ended).map(([task, { slurm, cw }]) => [
          task,
          ...[slurm.job_state, slurm.exit_code, slurm.name, slurm.username, cw.mila_email_username],
          ...[slurm.array_job_id, slurm.array_task_id, slurm.account, slurm.partition, slurm.cluster_name],
        ]),
        (
          [
            ["sst2", "COMPLETED", "0:0", "ada", clockworkId(sst2Run), "0"],
            ["after", "COMPLETED", "0:0", "ada", clockworkId(sst2Run), "1"],
            // Nobody has said whose the run of the manifest is.
            ["bad", "FAILED", "3:0", "", clockworkId(failingRun), "0"],
            ["beside", "COMPLETED", "0:0", "", clockworkId(failingRun), "1"],
          ] as const
        ).map(([task, state, exit, user, run, index]) => [
          task,
          ...[state, exit, task, user, user || null],
          ...[run, index, stage.namespace, "default", "kubernetes"],
        ]),
        seen,
      );
      assert.equal(followed.states(ids.never), [], "a task that never gets a pod is no job");
      for (const id of [ids.sst2, ids.after]) {
        const states = followed.states(id);
        assert.equal(
          states,
          COURSE.filter((state) => states.includes(state)),
          seen,
        );
      }
      for (const job of [waiting.sst2, waitingAfter]) assertUnderWay(job, null, false);
      for (const [job, end] of [
        [running.sst2, ended.sst2],
        [runningAfter, ended.after],
      ] as const) {
        assertUnderWay(job, end.slurm.nodes, true);
        assert.equal(pick(job, ["submit_time", "start_time"]), pick(end, ["submit_time", "start_time"]));
      }
      for (const [task, job] of Object.entries(ended)) {
        const run = task in { sst2: 0, after: 0 } ? name : "failing";
        const said = await whatThePodSays(`${run}--${task}`);
        assert.equal(pick(job, Object.keys(said)), said, `${task}\n${seen}`);
        const { submit_time, start_time, end_time } = job.slurm;
        assert.ok(submit_time <= Number(start_time) && Number(start_time) <= Number(end_time), task);
      }
      assert.is(ended.sst2.slurm.tres_per_node, "gpu:1");
      assert.match(String(ended.sst2.slurm.command), /^python3 \S+\/train\.py --basedir /);

      await stage.kubectl("delete", "pipelines", "--all", "--wait=true");
      await until(() => stage.kubectl("get", "pods", "--output=name"), WAIT_MS, {
        describe: "the pods are gone with their runs",
        accept: (pods) => pods === "",
        everyMs: 500,
      });
      await stage.restart();
      for (const prefix of ["clusters", "cluster"]) {
        const jobs = await until(() => listed(`job_id=${Object.values(ids).join()}`, prefix), WAIT_MS, {
          describe: "the facade answers again",
        });
        const again = new Map(jobs.map(({ slurm }) => [slurm.name, slurm]));
        assert.equal([...again.keys()].sort(), Object.keys(ended).sort());
        for (const [task, { slurm }] of Object.entries(ended)) assert.equal(again.get(task), slurm, task);
      }
      assert.equal(
        (await listed("user=ada&job_state=COMPLETED")).map(({ slurm }) => slurm.job_id).sort(),
        [ids.sst2, ids.after].sort(),
      );
    } catch (error) {
      const jobs = await listed("user=all").catch(() => []);
      console.error(await stage.whatWasSeen(jobs.filter(({ slurm }) => slurm.account === stage.namespace)));
      throw error;
    } finally {
      await followed?.end().catch((error: unknown) => console.error(error));
      await doors.remove();
    }
  },
);

examples.run();
