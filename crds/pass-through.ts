import { MANAGED_BY } from "./names.ts";
import { map, object, type Schema, text } from "./schema.ts";

/** Most bytes of a task's `affinity`, as JSON: the API server judges what is in it only when the pod is made. */
export const MAX_AFFINITY_BYTES = 8192;

const LABEL_KEY = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

const rules = (what: string): Schema => ({
  type: "object",
  description: `${what}, as in a pod.`,
  "x-kubernetes-preserve-unknown-fields": true,
});

/** Fields of a task that go to its pods as they are: for the scheduler, for queues such as Kueue, and for whoever watches pods. */
export const PASS_THROUGH: Readonly<Record<string, Schema>> = {
  priorityClassName: text("PriorityClass of the task's pods; one that is not there fails the task.", 253, {
    minLength: 1,
    pattern: "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
  }),
  schedulerName: text("Scheduler that places the task's pods. Left out: the cluster's default.", 253, {
    minLength: 1,
    pattern: "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
  }),
  affinity: object(
    "Where the task's pods may and should be placed, as in a pod; 8 KiB at most.",
    {
      nodeAffinity: rules("By labels of the node"),
      podAffinity: rules("Near which other pods"),
      podAntiAffinity: rules("Apart from which other pods"),
    },
    [],
    { typeName: "Affinity" },
  ),
  labels: map(
    "Labels of the task's object and pods, for example `kueue.x-k8s.io/queue-name`. Those of odin.io and app.kubernetes.io are Odin's own.",
    text("Value.", 63, { pattern: "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$" }),
    32,
  ),
  annotations: map(
    "Annotations of the task's object and pods. Those of odin.io are Odin's own.",
    text("Value.", 4096),
    32,
  ),
};

/** What is wrong with fields that are passed through and that the schema cannot judge; `at` takes the field and the words. */
export function passThroughProblems(
  fields: { affinity?: object; labels?: Record<string, string>; annotations?: Record<string, string> },
  at: (field: string, detail: string) => void,
): void {
  const bytes = Buffer.byteLength(JSON.stringify(fields.affinity ?? {}));
  if (bytes > MAX_AFFINITY_BYTES) at("affinity", `has ${bytes} bytes; the most is ${MAX_AFFINITY_BYTES}`);
  for (const field of ["labels", "annotations"] as const) {
    for (const key of Object.keys(fields[field] ?? {})) {
      if (!LABEL_KEY.test(key)) at(`${field}.${key}`, `${JSON.stringify(key)} is not a key that Kubernetes takes`);
      else if (isReserved(key)) at(`${field}.${key}`, `${key} is set by ${MANAGED_BY}`);
    }
  }
}

function isReserved(key: string): boolean {
  const prefix = key.includes("/") ? key.slice(0, key.indexOf("/")) : "";
  return prefix === "odin.io" || prefix.endsWith(".odin.io") || prefix === "app.kubernetes.io";
}
