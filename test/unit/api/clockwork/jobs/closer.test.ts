import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Closer } from "../../../../../api/clockwork/jobs/closer.ts";
import { projectRunState, type RunState } from "../../../../../api/clockwork/jobs/run-state.ts";
import type { TaskStatus } from "../../../../../crds/generated/types.ts";
import { silentLogger } from "../../../../../kube/logger.ts";
import type { Closing, UnfinishedJob } from "../../../../../store/job-records.ts";

const closing = suite("closing of jobs");
const JOB: UnfinishedJob = {
  podUid: "pod-uid",
  namespace: "ns",
  pod: "r--a",
  runUid: "run-uid",
  task: "a",
  attempt: 1,
  observed: 5,
  goneState: "CANCELLED",
  goneTime: 100,
  endTime: null,
  owner: "ada",
  jobId: "4711",
  slurm: '{"job_state":"RUNNING"}',
  cw: "{}",
};

function runOf(record: TaskStatus): RunState {
  const metadata = { name: "r", namespace: "ns", uid: "run-uid", resourceVersion: "1" };
  return projectRunState({ metadata, spec: {}, status: { tasks: { a: { attempt: 1, ...record } } } } as never);
}

/** A closer over one unfinished job whose pod is gone; `said` is the run as it is known. */
function stage(job: UnfinishedJob, run: RunState | undefined) {
  const said = { run };
  const closed: Closing[] = [];
  const closer = new Closer({
    caches: { pods: { get: () => undefined, list: () => [], onChange: () => undefined, versionOf: () => "9" } },
    surroundings: { run: () => said.run },
    recorder: { isPending: () => false },
    records: {
      unfinished: async (after) => (after === "" && !closed.some(({ ended }) => ended) ? [job] : []),
      close: async (some) => {
        closed.push(...some);
      },
    },
    archive: { documents: async () => new Map() },
    namespaces: undefined,
    logger: silentLogger,
  });
  return { said, closed, closer };
}

closing("C-82: what the operator has not judged yet is waited for, and closed with its word", async () => {
  const { said, closed, closer } = stage(JOB, runOf({ state: "executing" }));
  assert.is(await closer.close(), 1);
  assert.equal(closed, []);
  said.run = runOf({ state: "terminated", reason: "Timeout", completionTime: "1970-01-01T00:01:51Z" });
  assert.is(await closer.close(), 0);
  assert.equal(
    closed.map(({ state, endTime, ended }) => [state, endTime, ended]),
    [["TIMEOUT", 111, true]],
  );
});

closing(
  "C-73, C-82: what is shown as ended without its reason keeps its end, and takes the reason in when it comes",
  async () => {
    const shown: UnfinishedJob = { ...JOB, endTime: 99, slurm: '{"end_time":99,"job_state":"CANCELLED"}' };
    const { said, closed, closer } = stage(shown, runOf({ state: "executing" }));
    // Nothing that is to be looked at again soon.
    assert.is(await closer.close(), 0);
    assert.equal(closed, []);
    said.run = runOf({ state: "terminated", reason: "RunTimeout", completionTime: "1970-01-01T00:01:51Z" });
    await closer.close();
    assert.equal(closed, [
      { podUid: "pod-uid", state: "TIMEOUT", endTime: 99, ended: true, slurm: '{"end_time":99,"job_state":"TIMEOUT"}' },
    ]);
  },
);

closing("C-82: without its run a job is what it was foreseen to be", async () => {
  const { closed, closer } = stage(JOB, undefined);
  assert.is(await closer.close(), 0);
  assert.equal(
    closed.map(({ state, endTime, ended }) => [state, endTime, ended]),
    [["CANCELLED", 100, true]],
  );
});

closing.run();
