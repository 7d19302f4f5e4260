import { suite } from "uvu";
import * as assert from "uvu/assert";
import { canBeAsked, projectExporterPod } from "../../../../api/gpu/exporter-pod.ts";
import { hasGpus, projectNode } from "../../../../api/gpu/gpu-node.ts";

const test = suite("what is kept of nodes and exporters' pods");

const metadata = { name: "x", namespace: "gpu", uid: "u", resourceVersion: "1" };
const pod = (spec: object, status: object, more: object = {}) =>
  projectExporterPod({ metadata: { ...metadata, ...more }, spec, status } as never);
const READY = { podIP: "10.0.0.7", conditions: [{ type: "Ready", status: "True" }] };

test("G-1, G-30: the port is that called metrics, else 9400", () => {
  const ports = (...list: object[]) => pod({ nodeName: "n", containers: [{}, { ports: list }] }, READY).port;
  assert.is(ports(), 9400);
  assert.is(ports({ name: "web", containerPort: 80 }), 9400);
  assert.is(ports({ name: "web", containerPort: 80 }, { name: "metrics", containerPort: 9401 }), 9401);
});

test("G-30: only Ready pods with a node and an address that are not being deleted can be asked", () => {
  const spec = { nodeName: "n", containers: [] };
  assert.ok(canBeAsked(pod(spec, READY)));
  assert.is(pod(spec, { podIPs: [{ ip: "fd00::7" }] }).ip, "fd00::7");
  for (const unfit of [
    pod({ containers: [] }, READY),
    pod(spec, { ...READY, podIP: "" }),
    pod(spec, { ...READY, conditions: [{ type: "Ready", status: "False" }] }),
    pod(spec, { podIP: "10.0.0.7" }),
    pod(spec, READY, { deletionTimestamp: "2026-01-01T00:00:00Z" }),
    pod({}, {}),
  ]) {
    assert.not(canBeAsked(unfit));
  }
});

test("G-19, G-22, O-230: of a node its capacity, its addresses and NVIDIA's labels", () => {
  const node = projectNode({
    metadata: { ...metadata, labels: { "nvidia.com/gpu.count": "4", "kubernetes.io/hostname": "x" } },
    status: {
      capacity: { cpu: "4", "nvidia.com/mig-1g.10gb": "7" },
      allocatable: { cpu: "3" },
      addresses: [
        { type: "ExternalIP", address: "1.2.3.4" },
        { type: "InternalIP", address: "10.0.0.1" },
      ],
      images: [{ names: ["big"] }],
    },
  } as never);
  assert.equal(node, {
    metadata: { name: "x", namespace: "gpu", uid: "u", resourceVersion: "1" },
    capacity: { cpu: "4", "nvidia.com/mig-1g.10gb": "7" },
    host: "x",
    internalIp: "10.0.0.1",
    labels: { "nvidia.com/gpu.count": "4" },
  });
});

test("G-22: whole GPUs and parts of one count as GPUs, none of them and other things do not", () => {
  assert.ok(hasGpus({ "nvidia.com/gpu": "1" }));
  assert.ok(hasGpus({ cpu: 1, "nvidia.com/mig-3g.40gb": 2 }));
  for (const none of [undefined, {}, { cpu: "4" }, { "nvidia.com/gpu": "0" }, { "nvidia.com/gpu": 0 }]) {
    assert.not(hasGpus(none));
  }
});

test.run();
