import * as yaml from "js-yaml";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { manifest } from "../../../examples/manifest.ts";

const manifests = suite("manifests of the examples");

const MAIN = `
claim_name: &claim data-rw-many
tasks:
  - {name: train, image: x, command: python3, args: [1, "$TASK_ID"], mount: {name: data, path: /data, claim: *claim}, num_gpus: 1}
  - {name: after, image: x, command: [sh, -c], depends: train, pull_policy: Always, node_selector: {a_b: c_d}}
`;

manifests("keys become camelCase and single values lists", () => {
  const { file, text } = manifest({ name: "one", main: MAIN, files: {} });
  assert.is(file, "pipeline.yaml");
  assert.equal(yaml.load(text), {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: { name: "one" },
    spec: {
      tasks: [
        {
          name: "train",
          image: "x",
          command: ["python3"],
          args: ["1", "$TASK_ID"],
          mounts: [{ name: "data", path: "/data", claim: "data-rw-many" }],
          numGpus: 1,
        },
        {
          name: "after",
          image: "x",
          command: ["sh", "-c"],
          depends: ["train"],
          pullPolicy: "Always",
          nodeSelector: { a_b: "c_d" },
        },
      ],
    },
  });
});

manifests("with files it is a Job that holds them unchanged", () => {
  const files = { "a.py": "print('tab\\there')\n\tx\n\n", "b.txt": "1\tgood film\n" };
  const { file, text } = manifest({ name: "one", main: MAIN, files });
  const job = yaml.load(text) as { kind: string; spec: { path: string; files: unknown } };
  assert.is(file, "job.yaml");
  assert.is(job.kind, "Job");
  assert.is(job.spec.path, "one");
  assert.equal(job.spec.files, files);
});

manifests("says which main.yml is wrong and why", () => {
  const made = (main: string) => () => manifest({ name: "one", main, files: {} });
  assert.throws(made("tasks: 3"), /examples\/one\/main\.yml: .*must be a list/);
  assert.throws(made("tasks: [{name: a, image: x}]"), /examples\/one\/main\.yml: .*needs command/);
  assert.throws(made("tasks: [{name: a, image: x, command: y, depends: b}]"), /examples\/one\/main\.yml: .*b/);
});

manifests.run();
