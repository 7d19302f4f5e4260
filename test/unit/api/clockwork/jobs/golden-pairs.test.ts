/**
 * Pairs in test/golden/clockwork: a pod with what is known around it, and the record of its job. `-u` (or UPDATE_GOLDEN=1) rewrites the outputs; their
 * difference is part of a review.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import * as yaml from "js-yaml";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type JobSources, jobRecordOf } from "../../../../../api/clockwork/jobs/job-record.ts";
import type { KnownUser } from "../../../../../api/clockwork/jobs/owner.ts";
import { projectPodFacts } from "../../../../../api/clockwork/jobs/pod-facts.ts";
import type { KubeObject } from "../../../../../kube/resource.ts";

const DIRECTORY = resolve(import.meta.dirname, "../../../../../../test/golden/clockwork");
const update = process.argv.includes("-u") || process.env.UPDATE_GOLDEN === "1";

interface Input extends Partial<Omit<JobSources, "pod" | "userOf">> {
  pod: KubeObject;
  users?: KnownUser[];
}

const KEYS =
  "TRES account array_job_id array_task_id cluster_name command comment cpus_per_task end_time exit_code job_id job_state name nodes num_cpus num_nodes " +
  "num_tasks partition start_time stderr stdin stdout submit_time time_limit tres_allocated tres_per_node tres_requested uid username work_dir working_directory";
const OPTIONAL = ["reservation", "resv_name"];

const pairs = suite("records of jobs");
const names = readdirSync(DIRECTORY)
  .filter((name) => name.endsWith(".input.yaml"))
  .map((name) => name.slice(0, -".input.yaml".length));

for (const name of names) {
  pairs(`C-70, C-71, C-74, C-75: ${name.replaceAll("-", " ")}`, () => {
    const {
      pod,
      users = [],
      ...more
    } = yaml.load(readFileSync(`${DIRECTORY}/${name}.input.yaml`, "utf8"), {
      schema: yaml.JSON_SCHEMA,
    }) as Input;
    const sources: JobSources = {
      gone: false,
      cluster: "kubernetes",
      userOf: (text) => users.find(({ username, email }) => text === username || text === email),
      ...more,
      pod: projectPodFacts(pod),
    };
    const { slurm, cw, ...record } = jobRecordOf(sources);
    assert.equal(jobRecordOf(sources), { slurm, cw, ...record });
    const shown = JSON.parse(slurm) as Record<string, unknown>;
    const keys = Object.keys(shown);
    assert.equal(keys, [...keys].sort(), "keys are sorted");
    assert.equal(
      keys.filter((key) => !OPTIONAL.includes(key)),
      KEYS.split(" "),
      "exactly the keys of C-74",
    );
    const file = `${DIRECTORY}/${name}.output.yaml`;
    const text = yaml.dump({ slurm: shown, cw: JSON.parse(cw), record }, { lineWidth: 150 });
    if (update || !existsSync(file)) writeFileSync(file, text);
    assert.is(readFileSync(file, "utf8"), text);
  });
}

pairs("there are pairs", () => {
  assert.ok(names.length >= 6, names.join());
});

pairs.run();
