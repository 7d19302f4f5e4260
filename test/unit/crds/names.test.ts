import { randomBytes } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { jobObjectName, labelValue, newRunId, objectName, podName, runPrefix } from "../../../crds/names.ts";
import { randomSource } from "../../support/random.ts";

const names = suite("names");
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DNS_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const LABEL_VALUE = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

names("O-13: a run id is the prefix, eight characters and j", () => {
  for (let i = 0; i < 200; i++) assert.match(newRunId("sst2", randomBytes), /^sst2-[0-9a-z]{8}j$/);
});

names("O-13: random bytes that would favour some characters are passed over", () => {
  const bytes = [255, 254, 253, 252, 0, 35, 36, 251, 1, 2, 3, 4];
  assert.is(
    newRunId("p", () => Uint8Array.from(bytes)),
    "p-0z0z1234j",
  );
});

names("O-165: the first attempt's pod has the task id as its name, later ones a suffix", () => {
  assert.is(podName("sst2-4k2m9xq1j", "train", 1), "sst2-4k2m9xq1j--train");
  assert.is(podName("sst2-4k2m9xq1j", "train", 2), "sst2-4k2m9xq1j--train-r1");
});

names("F-28: pod names are valid and different for different long names", () => {
  const { text } = randomSource(28);
  const seen = new Map<string, string>();
  for (let i = 0; i < 2000; i++) {
    const [run, task] = [text("abc0-", 1, 60), text("xyz9-", 1, 60)].map((name) => name.replace(/^-+|-+$/g, "") || "a");
    const name = podName(run ?? "", task ?? "", 1);
    assert.ok(name.length <= 63 && DNS_NAME.test(name), name);
    const other = seen.get(name);
    assert.ok(other === undefined || other === `${run}--${task}`, `${other} and ${run}--${task} both are ${name}`);
    seen.set(name, `${run}--${task}`);
  }
});

names("F-28: label values are valid whatever the text, and keep what is valid already", () => {
  const { text } = randomSource(29);
  assert.is(labelValue("sst2"), "sst2");
  for (let i = 0; i < 2000; i++) {
    const value = labelValue(text("aZ09._-/ üß😀\n", 0, 100));
    assert.ok(value.length <= 63 && LABEL_VALUE.test(value), value);
  }
  assert.is.not(labelValue("a/b"), labelValue("a-b"));
});

names("O-14: two job ids never share an object", () => {
  assert.is(jobObjectName("sst2"), "sst2");
  const ids = [
    "dpressel/sst2",
    "dpressel-sst2",
    "dpressel.sst2",
    "DPressel/sst2",
    "dpressel__sst2",
    `${"a".repeat(100)}/b`,
    `${"a".repeat(100)}/c`,
  ];
  const objects = ids.map(jobObjectName);
  assert.is(new Set(objects).size, ids.length, objects.join(" "));
  for (const object of objects) assert.match(object, DNS_LABEL);
});

names("O-13: the prefix is the explicit name, else the last segment, cut so that task ids fit", () => {
  assert.is(runPrefix("a/b/My_Job", undefined, [{ name: "t" }]), "my-job");
  assert.is(runPrefix("x", "explicit.name", [{ name: "t".repeat(60) }]), "explicit.name");
  assert.is(runPrefix("___", undefined, []), "flow");
  const prefix = runPrefix("a-very-long-name-of-a-job-that-goes-on-and-on", undefined, [
    { name: "a-task-name-of-29-characters-x" },
  ]);
  assert.ok(`${prefix}-00000000j--a-task-name-of-29-characters-x`.length <= 60, prefix);
  const distributed = { name: "a-task-name-of-22-chars", resourceType: "MPIJob" } as const;
  const shorter = runPrefix("a-very-long-name-of-a-job-that-goes-on-and-on", undefined, [{ name: "t" }, distributed]);
  assert.is(`${shorter}-00000000j--a-task-name-of-22-chars`.length, 50);
});
names("O-13: the object of a distributed kind is a DNS label with room for the names of its pods and Services", () => {
  const name = (run: string, task: string, attempt = 1): string =>
    objectName(run, { name: task, resourceType: "PyTorchJob" }, attempt);
  assert.is(name("sst2-4k2m9xq1j", "train"), "sst2-4k2m9xq1j--train");
  assert.is(name("sst2-4k2m9xq1j", "train", 2), "sst2-4k2m9xq1j--train-r1");
  const seen = new Set<string>();
  const awkward = ["3d-1j", "t3d-1j", "a.b-1j", "a-b-1j", "x".repeat(90), `${"x".repeat(90)}y`, `1${".".repeat(80)}z`];
  for (const run of awkward) {
    const made = name(run, "train");
    assert.match(made, /^[a-z]([-a-z0-9]*[a-z0-9])?$/, run);
    assert.ok(`${made}-worker-99`.length <= 63, made);
    assert.not(seen.has(made), `${made} stands for two`);
    seen.add(made);
  }
  assert.is(objectName("a.b", { name: "t", resourceType: "Job" }, 1), podName("a.b", "t", 1));
});
names.run();
