import { suite } from "uvu";
import * as assert from "uvu/assert";
import { podRequests, type RequestingPod } from "../../../kube/pod-requests.ts";
import { milliCpus, quantity } from "../../../kube/quantity.ts";

const requests = suite("what pods ask for");

requests("quantities of every form", () => {
  const cases: [unknown, number][] = [
    ["1", 1],
    ["100m", 0.1],
    ["1.5Gi", 1.5 * 2 ** 30],
    ["2e3", 2000],
    ["1E", 1e18],
    [".5", 0.5],
    ["3.", 3],
    ["-1Ki", -1024],
    [4, 4],
    ["", 0],
    ["1GB", 0],
    ["constructor", 0],
    [undefined, 0],
    [Number.NaN, 0],
  ];
  for (const [text, value] of cases) assert.is(quantity(text), value, String(text));
  assert.is(milliCpus("1n"), 1);
  assert.is(milliCpus("100m"), 100);
  assert.is(milliCpus("0.3"), 300);
  assert.is(milliCpus("1.1"), 1100);
});

requests("containers together, or the step of the start that needs most, sidecars among them", () => {
  const of = (cpu: string, memory: string, more: object = {}): object => ({
    resources: { requests: { cpu, memory } },
    ...more,
  });
  const cases: [RequestingPod, number, number, number][] = [
    [{}, 0, 0, 0],
    [{ containers: [of("100m", "1Mi"), of("0.2", "1Mi")] }, 300, 2 * 2 ** 20, 0],
    [{ containers: [of("100m", "1Mi")], initContainers: [of("2", "10")] }, 2000, 2 ** 20, 0],
    [
      { containers: [of("1", "1")], initContainers: [of("1", "2", { restartPolicy: "Always" }), of("1.5", "1")] },
      2500,
      3,
      0,
    ],
    [{ containers: [{ resources: { limits: { cpu: "2", memory: "5", "nvidia.com/gpu": "3" } } }] }, 2000, 5, 3],
    [{ containers: [of("1", "1")], overhead: { cpu: "250m", memory: "2" } }, 1250, 3, 0],
    [{ containers: [of("1", "1")], resources: { requests: { cpu: "4" } } }, 4000, 1, 0],
  ];
  for (const [spec, milliCpu, memory, gpus] of cases)
    assert.equal(podRequests(spec), { milliCpu, memory, gpus }, JSON.stringify(spec));
});

requests.run();
