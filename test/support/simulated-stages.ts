/** Image of containers that exit with 1 in the first attempt at their task, and with 0 in all others. */
export const FAILS_ONCE = "fails-once";

/** How simulated pods behave. */
export interface SimulatedPods {
  /** Least and most time between running and ended, in milliseconds; evenly spread. */
  taskMs: readonly [number, number];
  /** Absolute path of a file in the CRI log format that each container is said to have written; without it, nodes serve no logs. */
  log?: string;
}

const RUNNING = [
  { key: ".metadata.deletionTimestamp", operator: "DoesNotExist" },
  { key: ".status.phase", operator: "In", values: ["Running"] },
];
const IMAGE = ".spec.containers.[].image";
const ATTEMPT = '.metadata.annotations["odin.io/attempt"]';

/** Makes a node ready with room for any number of pods. */
const NODE_STATUS = `
{{ $now := Now }}
conditions:
{{ range NodeConditions }}
- lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
  message: {{ .message | Quote }}
  reason: {{ .reason | Quote }}
  status: {{ .status | Quote }}
  type: {{ .type | Quote }}
{{ end }}
{{ with NodePort }}
addresses:
- { type: InternalIP, address: {{ NodeIP | Quote }} }
daemonEndpoints: { kubeletEndpoint: { Port: {{ . }} } }
{{ end }}
allocatable: { cpu: 1k, memory: 1Ti, pods: 1M }
capacity: { cpu: 1k, memory: 1Ti, pods: 1M }
phase: Running
`;

const POD_READY = `
{{ $now := Now }}
conditions:
- { type: Initialized, status: "True", lastTransitionTime: {{ $now | Quote }} }
- { type: Ready, status: "True", lastTransitionTime: {{ $now | Quote }} }
- { type: ContainersReady, status: "True", lastTransitionTime: {{ $now | Quote }} }
containerStatuses:
{{ range .spec.containers }}
- image: {{ .image | Quote }}
  name: {{ .name | Quote }}
  ready: true
  restartCount: 0
  state: { running: { startedAt: {{ $now | Quote }} } }
{{ end }}
initContainerStatuses:
{{ range .spec.initContainers }}
- image: {{ .image | Quote }}
  name: {{ .name | Quote }}
  ready: true
  restartCount: 0
  state: { terminated: { exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }} } }
{{ end }}
phase: Running
startTime: {{ $now | Quote }}
`;

function podEnded(phase: "Succeeded" | "Failed"): string {
  const [exitCode, reason] = phase === "Succeeded" ? [0, "Completed"] : [1, "Error"];
  return `
{{ $now := Now }}
conditions:
- { type: Ready, status: "False", reason: PodCompleted, lastTransitionTime: {{ $now | Quote }} }
- { type: ContainersReady, status: "False", reason: PodCompleted, lastTransitionTime: {{ $now | Quote }} }
containerStatuses:
{{ range .spec.containers }}
- image: {{ .image | Quote }}
  name: {{ .name | Quote }}
  ready: false
  started: false
  restartCount: 0
  state: { terminated: { exitCode: ${exitCode}, reason: ${reason}, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }} } }
{{ end }}
phase: ${phase}
`;
}

/** The stages of the simulator: nodes become ready, pods on them run, and end after a while; deleted pods go at once. */
export function simulatedStages({ taskMs: [least, most] }: SimulatedPods): object[] {
  // The simulator takes its "jitter" as the end of the range, not as its width.
  const delay = { durationMilliseconds: least, jitterDurationMilliseconds: most };
  const ends = (name: string, phase: "Succeeded" | "Failed", matchExpressions: object[]): object =>
    stage(name, "Pod", {
      selector: { matchExpressions: [...RUNNING, ...matchExpressions] },
      delay,
      next: { statusTemplate: podEnded(phase) },
    });
  return [
    stage("node-ready", "Node", {
      selector: {
        matchExpressions: [
          { key: '.status.conditions.[] | select( .type == "Ready" ) | .status', operator: "NotIn", values: ["True"] },
        ],
      },
      next: { statusTemplate: NODE_STATUS },
    }),
    stage("pod-ready", "Pod", {
      selector: {
        matchExpressions: [
          { key: ".metadata.deletionTimestamp", operator: "DoesNotExist" },
          { key: ".status.phase", operator: "In", values: ["Pending"] },
          { key: '.status.conditions.[] | select( .type == "Ready" ) | .status', operator: "NotIn", values: ["True"] },
        ],
      },
      next: { statusTemplate: POD_READY },
    }),
    ends("pod-succeeds", "Succeeded", [{ key: IMAGE, operator: "NotIn", values: [FAILS_ONCE] }]),
    ends("pod-fails", "Failed", [
      { key: IMAGE, operator: "In", values: [FAILS_ONCE] },
      { key: ATTEMPT, operator: "In", values: ["1"] },
    ]),
    ends("pod-succeeds-again", "Succeeded", [
      { key: IMAGE, operator: "In", values: [FAILS_ONCE] },
      { key: ATTEMPT, operator: "NotIn", values: ["1"] },
    ]),
    stage("pod-deleted", "Pod", {
      selector: { matchExpressions: [{ key: ".metadata.deletionTimestamp", operator: "Exists" }] },
      next: { delete: true },
    }),
  ];
}

function stage(name: string, kind: "Node" | "Pod", spec: object): object {
  return {
    apiVersion: "kwok.x-k8s.io/v1alpha1",
    kind: "Stage",
    metadata: { name },
    spec: { resourceRef: { apiGroup: "v1", kind }, ...spec },
  };
}
