import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fields, fieldValues } from "../../../../../api/mlbench/fields.ts";
import { ApplicationError } from "../../../../../api/mlbench/mlbench-error.ts";
import { RUN_FIELDS, type RunRequest, readRunRequest } from "../../../../../api/mlbench/runs/run-request.ts";
import { RUN_SETTINGS } from "./run-settings.ts";

const CUSTOM = {
  name: "Worn-Mouse",
  num_workers: "3",
  num_cpus: "1",
  image_name: "custom_image",
  custom_image_name: "example/image:1",
  custom_image_command: "/run --rank {rank}",
};
const RESNET = "mlbench/pytorch-cifar10-resnet20-all-reduce:latest";
const TENSORFLOW = "mlbench/tensorflow-cifar10-resnet:latest";

function read(body: Record<string, unknown>): RunRequest {
  return readRunRequest(new Fields(fieldValues(body, RUN_FIELDS)), RUN_SETTINGS);
}

/** The plan of `CUSTOM` with some fields changed; undefined takes one away. */
function plan(changes: Record<string, unknown> = {}): RunRequest["plan"] {
  return read({ ...CUSTOM, ...changes }).plan;
}

function refusal(changes: Record<string, unknown>): string {
  try {
    plan(changes);
  } catch (error) {
    assert.instance(error, ApplicationError);
    const { status, message } = error as ApplicationError;
    assert.is(status, 400);
    return message;
  }
  return assert.unreachable(JSON.stringify(changes)) as never;
}

const request = suite("the body of a new run");

request("M-38: a custom image, form or JSON", () => {
  const expected = {
    name: "Worn-Mouse",
    workers: 3,
    image: "example/image:1",
    template: "/run --rank {rank}",
    backend: "mpi",
    allRanks: false,
    launcher: true,
    gpus: 0,
    lightTarget: false,
    cpu: "1",
  };
  assert.equal(plan(), expected);
  assert.equal(plan({ num_workers: 3, num_cpus: 1, use_horovod: "true", whatever: {} }), expected);
  assert.is(read(CUSTOM).isDocumentForm, false);
});

request("M-38: name", () => {
  for (const name of ["a", "A-9", "7up", "x".repeat(100)]) assert.is(plan({ name }).name, name);
  for (const name of ["", "-a", "a-", "a_b", "a.b", "a b", "ä", "\u212A", "a\n", "x".repeat(101)])
    assert.is(refusal({ name }), `Invalid run name ${name}`);
  assert.is(refusal({ name: undefined }), "name has to be supplied");
  assert.match(refusal({ name: ["a"] }), /^name: /);
});

request("M-38: num_workers", () => {
  assert.is(plan({ num_workers: 128 }).workers, 128);
  assert.is(refusal({ num_workers: undefined }), "num_workers has to be supplied");
  for (const bad of ["0", "-1", "129", "1.5", "many", true, [], "1e9"])
    assert.match(refusal({ num_workers: bad }), /^num_workers: .*(between 1 and 128|no whole number)$/);
});

request("M-38: num_cpus", () => {
  const cpu = (num_cpus: unknown): unknown => plan({ num_cpus }).cpu;
  assert.is(cpu("0"), undefined);
  assert.is(cpu("0.0"), undefined);
  assert.is(cpu(2), "2");
  assert.is(cpu("0.5"), "500m");
  assert.is(cpu("2.3"), "2300m");
  assert.is(cpu(0.0001), "1m");
  assert.is(refusal({ num_cpus: undefined }), "num_cpus has to be supplied");
  for (const bad of ["-1", "NaN", "Infinity", "much", false, "1e99"])
    assert.match(refusal({ num_cpus: bad }), /^num_cpus: /);
});

request("M-38, M-45: image_name is a key of the table", () => {
  const found = plan({ image_name: RESNET, custom_image_name: undefined, custom_image_command: undefined });
  assert.is(found.image, RESNET);
  assert.match(found.template, "--run_id {run_id} --rank {rank}");
  const told = refusal({ image_name: "mlbench/other" });
  assert.match(told, 'image_name: "mlbench/other"');
  for (const key of [RESNET, TENSORFLOW, "custom_image"]) assert.ok(told.includes(key), key);
});

request("M-38: custom_image_name, custom_image_command", () => {
  assert.is(refusal({ custom_image_name: undefined }), "custom_image_name has to be supplied");
  assert.is(refusal({ custom_image_command: undefined }), "custom_image_command has to be supplied");
  for (const bad of ["", "a b", "x".repeat(1025)])
    assert.match(refusal({ custom_image_name: bad }), /^custom_image_name: /);
  for (const bad of ["", " ", "{host}", "a {", "a\0"])
    assert.match(refusal({ custom_image_command: bad }), /^custom_image_command: /);
  assert.is(plan({ custom_image_command: "a {{}} {hosts}" }).template, "a {{}} {hosts}");
});

request("M-38: backend, run_all_nodes and custom_backend", () => {
  const of = (changes: Record<string, unknown>): unknown[] => {
    const { backend, allRanks, launcher } = plan(changes);
    return [backend, allRanks, launcher];
  };
  assert.equal(of({ backend: "MPI" }), ["mpi", false, true]);
  assert.equal(of({ backend: "" }), ["mpi", false, true]);
  assert.equal(of({ backend: "GLOO" }), ["gloo", true, false]);
  assert.equal(of({ backend: "nccl", run_all_nodes: "false" }), ["nccl", true, false]);
  assert.equal(of({ backend: "Something" }), ["something", true, false]);
  assert.equal(of({ backend: "custom_backend", custom_backend: "Own", run_all_nodes: "true" }), ["Own", true, false]);
  assert.equal(of({ backend: "CUSTOM_BACKEND", custom_backend: "Own" }), ["Own", false, false]);
  assert.is(refusal({ backend: "custom_backend" }), "custom_backend has to be supplied");
  assert.match(refusal({ backend: "a\0" }), /^backend: /);
});

request("M-38: custom_image_all_nodes decides for clients that send no backend", () => {
  const { backend, allRanks, launcher } = plan({ custom_image_all_nodes: "true" });
  assert.equal([backend, allRanks, launcher], ["mpi", true, false]);
  assert.equal(plan({ custom_image_all_nodes: "false" }).allRanks, false);
  assert.equal(plan({ custom_image_all_nodes: "false" }).launcher, false);
  assert.equal(plan({ custom_image_all_nodes: "true", backend: "mpi" }).allRanks, false);
});

request("M-38, M-5: gpu_enabled and light_target, in all spellings of true", () => {
  for (const yes of [true, "true", "True", "1"]) {
    assert.is(plan({ gpu_enabled: yes }).gpus, 1);
    assert.is(plan({ light_target: yes }).lightTarget, true);
  }
  for (const no of [false, "false", "yes", "", 1, undefined]) assert.is(plan({ gpu_enabled: no }).gpus, 0);
  assert.is(plan({ image_name: TENSORFLOW, gpu_enabled: true }).gpus, 0);
  assert.is(plan({ image_name: RESNET, gpu_enabled: true }).gpus, 1);
});

request("M-38: max_bandwidth is ignored with an image_name, whatever it is", () => {
  assert.is(plan({ max_bandwidth: "100" }).egressMbits, undefined);
  assert.is(plan({ max_bandwidth: "much" }).egressMbits, undefined);
});

request("M-39: without image_name: the default image, and max_bandwidth limits what workers send", () => {
  const document = { name: "Run1", num_workers: 5, num_cpus: 4, max_bandwidth: 10000 };
  const found = read(document);
  assert.is(found.isDocumentForm, true);
  assert.is(found.plan.image, RESNET);
  assert.is(found.plan.egressMbits, 10000);
  assert.is(found.plan.launcher, true);
  assert.is(read({ ...document, max_bandwidth: "0.5" }).plan.egressMbits, 1);
  assert.is(read({ ...document, max_bandwidth: 0 }).plan.egressMbits, undefined);
  assert.is(read({ ...document, max_bandwidth: undefined }).plan.egressMbits, undefined);
  assert.throws(() => read({ ...document, max_bandwidth: "much" }), /max_bandwidth/);
  assert.throws(() => read({ ...document, max_bandwidth: -1 }), /max_bandwidth/);
  const settings = { ...RUN_SETTINGS, defaultImage: TENSORFLOW };
  assert.is(readRunRequest(new Fields(document), settings).plan.image, TENSORFLOW);
});

request.run();
