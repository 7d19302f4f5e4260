import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RunPlan } from "../../../../../api/mlbench/runs/run-spec.ts";
import {
  containerName,
  hostsOf,
  serviceOf,
  statefulSetOf,
  type WorkersInput,
  workersName,
} from "../../../../../api/mlbench/runs/workers.ts";
import { RUN_SETTINGS } from "./run-settings.ts";

const PLAN: RunPlan = {
  name: "Worn-Mouse",
  workers: 3,
  image: "example/image:1",
  template: "/run",
  backend: "mpi",
  allRanks: false,
  launcher: true,
  gpus: 1,
  lightTarget: false,
  cpu: "1500m",
  egressMbits: 100,
};

function input(plan: Partial<RunPlan> = {}, settings: Partial<WorkersInput["settings"]> = {}): WorkersInput {
  return {
    id: 7,
    uid: "u-7",
    object: "mlbench-7j",
    plan: { ...PLAN, ...plan },
    settings: { ...RUN_SETTINGS, ...settings },
  };
}

interface PodSpec {
  containers: { name: string; command?: unknown; args?: unknown; [key: string]: unknown }[];
  affinity: { podAntiAffinity: Record<string, unknown> };
}

function podSpec(of: WorkersInput): PodSpec {
  return (statefulSetOf(of) as { spec: { template: { spec: PodSpec } } }).spec.template.spec;
}

const workers = suite("the objects of a run");

const LABELS = {
  app: "mlbench",
  component: "worker",
  release: "rel",
  set: "Worn-Mouse",
  "odin.io/mlbench-run": "7",
};
const METADATA = {
  name: "worn-mouse-mlbench-worker-rel",
  namespace: "default",
  labels: { ...LABELS, chart: "mlbench-2.0.0", heritage: "Helm" },
  ownerReferences: [
    {
      apiVersion: "odin.io/v1",
      kind: "Pipeline",
      name: "mlbench-7j",
      uid: "u-7",
      controller: true,
      blockOwnerDeletion: true,
    },
  ],
};

workers("M-44: the Service", () => {
  assert.equal(serviceOf(input()), {
    apiVersion: "v1",
    kind: "Service",
    metadata: METADATA,
    spec: {
      clusterIP: "None",
      ports: [{ name: "dummy", port: 22 }],
      selector: { app: "mlbench", release: "rel", set: "Worn-Mouse", "odin.io/mlbench-run": "7" },
    },
  });
});

workers("M-44: the StatefulSet", () => {
  assert.equal(statefulSetOf(input()), {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: METADATA,
    spec: {
      serviceName: "worn-mouse-mlbench-worker-rel",
      replicas: 3,
      podManagementPolicy: "Parallel",
      updateStrategy: { type: "RollingUpdate" },
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: LABELS, annotations: { "kubernetes.io/egress-bandwidth": "100M" } },
        spec: {
          serviceAccountName: "rel-mlbench-worker-sa",
          terminationGracePeriodSeconds: 5,
          affinity: {
            podAntiAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [
                {
                  labelSelector: { matchExpressions: [{ key: "component", operator: "In", values: ["worker"] }] },
                  topologyKey: "kubernetes.io/hostname",
                },
              ],
            },
          },
          containers: [
            {
              name: "worn-mouse-worker",
              image: "example/image:1",
              stdin: true,
              tty: true,
              ports: [{ name: "ssh", containerPort: 22 }],
              env: [{ name: "ODIN_POD_UID", valueFrom: { fieldRef: { fieldPath: "metadata.uid" } } }],
              resources: { limits: { cpu: "1500m", "nvidia.com/gpu": 1 } },
              volumeMounts: [
                { name: "ssh-key", mountPath: "/ssh-key/root", readOnly: true },
                { name: "records", mountPath: "/odin-records" },
              ],
            },
          ],
          volumes: [
            { name: "ssh-key", secret: { secretName: "rel-ssh-key", defaultMode: 256, optional: true } },
            { name: "records", emptyDir: {} },
          ],
        },
      },
    },
  });
});

workers("M-44: what is not asked for is not there", () => {
  const { cpu: _cpu, egressMbits: _egress, ...plain } = PLAN;
  const set = statefulSetOf({ ...input(), plan: { ...plain, gpus: 0 } }) as {
    spec: { template: { metadata: Record<string, unknown>; spec: PodSpec } };
  };
  assert.equal(set.spec.template.metadata, { labels: LABELS });
  assert.is(set.spec.template.spec.containers[0]?.resources, undefined);
});

workers("M-44, decision 24: privileged mode, host port and spread by option", () => {
  const [container] = podSpec(input({}, { privileged: true, hostPort: 16166 })).containers;
  assert.equal(container?.securityContext, { privileged: true });
  assert.equal(container?.ports, [{ name: "ssh", containerPort: 22, hostPort: 16166 }]);
  assert.is(container?.command, undefined);
  assert.is(container?.args, undefined);
  const { podAntiAffinity } = podSpec(input({}, { spread: "preferred" })).affinity;
  assert.equal(Object.keys(podAntiAffinity), ["preferredDuringSchedulingIgnoredDuringExecution"]);
});

workers("M-44: names that would be too long, or that a Service cannot have, are made of the id", () => {
  const name = (run: string): string => workersName(run, 12, "rel");
  assert.is(name("Abc"), "abc-mlbench-worker-rel");
  const longest = "x".repeat(52 - "-mlbench-worker-rel".length);
  assert.is(name(longest), `${longest}-mlbench-worker-rel`);
  assert.is(name(`${longest}x`), "run-12-mlbench-worker-rel");
  assert.is(name("7up"), "run-12-mlbench-worker-rel");
  assert.is(containerName("A".repeat(56), 12), `${"a".repeat(56)}-worker`);
  assert.is(containerName("A".repeat(57), 12), "run-12-worker");
  const long = input({ name: "N".repeat(64) });
  const { metadata } = serviceOf(long) as { metadata: { labels: Record<string, string> } };
  assert.is(metadata.labels.set, "run-7");
});

workers("M-46: the names under which workers find each other", () => {
  assert.equal(hostsOf("s", 2), ["s-0.s", "s-1.s"]);
});

workers.run();
