/** Number of a row of the fault matrix; numbers are never given to another fault. */
export type RowId = `F-${number}`;

/** Where a row's fault comes from. */
export type Cause =
  /** Made as it happens in life: a killed process, a removed right, a full disk. */
  | "real"
  /** Scripted at a proxy before a real API server. */
  | "proxy"
  /** Played to the part of the program that it concerns. */
  | "simulated";

/** One row of the fault matrix. */
export interface Row {
  id: RowId;
  fault: string;
  /** What is done to make it happen. */
  how: string;
  causes: readonly Cause[];
  /** What has to come of it. */
  required: string;
  /** Test files below test/, as `npm test` takes them, whose titles name the row. */
  files: readonly string[];
}

const WATCHES = "faults/server/watches";
const WRITES = "faults/server/writes";
const OUTAGE = "faults/server/outage";
const REFUSALS = "faults/server/refusals";
const PODS = "faults/server/pods";
const OBJECTS = "faults/server/objects";
const LEADERS = "faults/server/leaders";
const UNDER_WAY = "faults/server/under-way";
const SIZE = "faults/server/size";
const STORE = "faults/server/store";
const STREAMS = "faults/server/streams";
const CONTAINERS = "faults/node/containers";

/** The fault matrix. */
export const ROWS: readonly Row[] = [
  {
    id: "F-1",
    fault: "The API server is away",
    how: "SIGKILL of a real API server, a closed port, and a proxy that takes connections and says nothing",
    causes: ["real", "proxy"],
    required:
      "Nothing is marked as failed. The operator waits with growing, jittered pauses, fills its caches once when the server is back, and goes on; it does not end.",
    files: [OUTAGE, WATCHES],
  },
  {
    id: "F-2",
    fault: "The history that a watch wants is gone",
    how: "etcd is compacted while the operator is cut off; the same as an error inside the stream and as HTTP 410",
    causes: ["real", "proxy"],
    required: "A new list, compared with the cache: what was deleted meanwhile counts as deleted, and runs go on.",
    files: [OUTAGE, WATCHES],
  },
  {
    id: "F-3",
    fault: "A watch dies without a word",
    how: "the proxy holds the connections of the watches and passes nothing on; SIGSTOP of the API server",
    causes: ["proxy", "real"],
    required: "Silence is noticed and the watch resumed where it was; what happened meanwhile is not lost.",
    files: [WATCHES, "integration/kube/server-restart"],
  },
  {
    id: "F-4",
    fault: "A watch is cut in the middle of a line",
    how: "half a JSON document, then the connection is cut; answers cut after some bytes",
    causes: ["proxy"],
    required: "The half line counts for nothing, the watch resumes, no event is lost.",
    files: [WATCHES],
  },
  {
    id: "F-5",
    fault: "The API server ends a list or a watch early",
    how: "lists are cut in the middle, watches end as soon as they are open",
    causes: ["proxy"],
    required: "Lists are read again, page by page; runs go on, without a busy loop.",
    files: [WATCHES],
  },
  {
    id: "F-6",
    fault: "The operator dies between making a pod and recording it",
    how: "SIGKILL in the moment when the server has answered the creation and the operator has not yet read it, for one pod and for twenty at once",
    causes: ["real"],
    required: "After the restart the pod is taken over by name, owner and attempt; no second one is made.",
    files: [WRITES],
  },
  {
    id: "F-7",
    fault: "The operator dies after a status write, before what follows it",
    how: "SIGKILL in the moment when the server has answered each kind of status write",
    causes: ["real"],
    required: "What was missing is done after the restart, and nothing twice.",
    files: [WRITES],
  },
  {
    id: "F-8",
    fault: "Repeated, late and out-of-order events",
    how: "old events are put into the watches again",
    causes: ["proxy"],
    required: "An older version of an object never replaces a newer one.",
    files: [WATCHES],
  },
  {
    id: "F-9",
    fault: "The operator does not see its own writes yet",
    how: "the watches are passed on five seconds late",
    causes: ["proxy"],
    required: "No pod is made twice, and no old status is taken for the truth.",
    files: [WATCHES],
  },
  {
    id: "F-10",
    fault: "Somebody else writes the run at the same time",
    how: "a writer that changes the object all the time",
    causes: ["real"],
    required: "Lost races are decided anew on the newest version; the other's change is never overwritten.",
    files: [WRITES],
  },
  {
    id: "F-11",
    fault: "A foreign pod has the name of ours",
    how: "a pod of that name is made before the run",
    causes: ["real"],
    required: "It is not taken over; the task fails with `NameCollision`, naming the pod.",
    files: [REFUSALS],
  },
  {
    id: "F-12",
    fault: "A quota is used up",
    how: "a ResourceQuota",
    causes: ["real"],
    required:
      "The task waits with `QuotaExceeded` and the server's words, without using up a retry, and goes on when there is room.",
    files: [REFUSALS],
  },
  {
    id: "F-13",
    fault: "Rights are removed, or the token ends",
    how: "the operator's RoleBinding is deleted and made again; its token file is replaced while the old token is refused",
    causes: ["real", "proxy"],
    required:
      "Refused: runs and the readiness name the missing right, pauses grow, and work goes on when it is back. Not known: the token file is read again. The process does not end.",
    files: [REFUSALS],
  },
  {
    id: "F-14",
    fault: "Admission refuses a pod, or the webhook does not answer",
    how: "a ValidatingAdmissionPolicy; a webhook without a server behind it",
    causes: ["real"],
    required: "A refusal fails the task with `AdmissionDenied` and its words; a webhook that is away is waited for.",
    files: [REFUSALS],
  },
  {
    id: "F-15",
    fault: "The pod is invalid",
    how: "a node selector that is no label",
    causes: ["real"],
    required: "The task fails at once with `PodInvalid` and the server's words, cut to a bound.",
    files: [REFUSALS],
  },
  {
    id: "F-16",
    fault: "The API server is overloaded",
    how: "HTTP 429 with Retry-After for a part of the requests",
    causes: ["proxy"],
    required: "The pause that the server asks for is kept, fewer requests go out, and no task suffers.",
    files: [REFUSALS],
  },
  {
    id: "F-17",
    fault: "A write succeeds and its answer is lost",
    how: "the server carries writes out and their answers are dropped; HTTP 500, 503 and 504",
    causes: ["proxy"],
    required: "The write is found to have happened: nothing is made twice and no status is written blindly.",
    files: [WRITES],
  },
  {
    id: "F-18",
    fault: "Somebody deletes a running pod",
    how: "the pod is deleted",
    causes: ["real"],
    required: "A failure of the machine with `PodDeleted`, which uses up no retry of the task; a new attempt is made.",
    files: [PODS, CONTAINERS],
  },
  {
    id: "F-19",
    fault: "A pod is evicted or preempted",
    how: "the Eviction API on a real node; a pod failed as `Evicted`, one with the condition `DisruptionTarget`",
    causes: ["real", "simulated"],
    required: "A new attempt on a budget of its own.",
    files: [PODS, CONTAINERS],
  },
  {
    id: "F-20",
    fault: "A node is lost",
    how: "a node that nobody gives a sign of life for, until Kubernetes calls it not ready, with a played pod on it; one that is deleted",
    causes: ["real", "simulated"],
    required:
      "After a while a failure of the machine: a new attempt under a new name; what the old one does later counts for nothing.",
    files: [PODS],
  },
  {
    id: "F-21",
    fault: "The image or the container's configuration is wrong",
    how: "an image that nobody has, a name that is none, a missing ConfigMap, on a real node",
    causes: ["real"],
    required: "The reason shows in `kubectl get`; what can never work fails soon, what may mend waits.",
    files: [CONTAINERS],
  },
  {
    id: "F-22",
    fault: "No node can take the pod",
    how: "a task that wants more GPUs than any node has",
    causes: ["real"],
    required: "The task waits with `Unschedulable` and the scheduler's words.",
    files: [CONTAINERS],
  },
  {
    id: "F-23",
    fault: "Out of memory, an exit code, a signal",
    how: "containers that really end that way",
    causes: ["real"],
    required: "Three different reasons.",
    files: [CONTAINERS],
  },
  {
    id: "F-24",
    fault: "A sidecar never ends",
    how: "a pod whose main container has ended and whose second one runs on: played, and put there by a MutatingAdmissionPolicy on a real node",
    causes: ["simulated", "real"],
    required: "The main container decides.",
    files: [PODS, CONTAINERS],
  },
  {
    id: "F-25",
    fault: "Clocks are wrong",
    how: "an operator whose clock is ten minutes ahead, and one that is behind",
    causes: ["real"],
    required: "No deadline comes early; a wrong clock may only delay.",
    files: [PODS],
  },
  {
    id: "F-26",
    fault: "A run that is too large",
    how: "2,000 tasks; more tasks than are allowed; messages as long as allowed",
    causes: ["real"],
    required: "What is admitted fits: its status stays below a megabyte. What would not fit is refused at admission.",
    files: [SIZE],
  },
  {
    id: "F-27",
    fault: "The server calls a write too large",
    how: "the answers of etcd and of the API server for what is too large",
    causes: ["proxy"],
    required: "The write is not repeated; a small one ends the run with `StatusTooLarge`.",
    files: [SIZE],
  },
  {
    id: "F-28",
    fault: "Long and odd names",
    how: "names as long and as odd as Kubernetes takes them, and random ones",
    causes: ["real", "simulated"],
    required: "Names of objects are valid and never those of another task's.",
    files: [OBJECTS, "unit/crds/names"],
  },
  {
    id: "F-29",
    fault: "The namespace is deleted while a run works in it",
    how: "the namespace is deleted, held open by a finalizer",
    causes: ["real"],
    required: "Nothing more is made, without a storm of requests, and nothing of ours holds the namespace.",
    files: [OBJECTS],
  },
  {
    id: "F-30",
    fault: "The custom resource definition changes, or goes",
    how: "a next version with more fields is applied; the definitions are deleted and applied again",
    causes: ["real"],
    required: "Fields that we do not know survive our writes; watches come back by themselves.",
    files: [OUTAGE, "integration/kube/definition"],
  },
  {
    id: "F-31",
    fault: "A run is deleted and made again under its name",
    how: "delete and create in the middle of the run",
    causes: ["real"],
    required: "The new run takes over nothing of the old one, whose pods go.",
    files: [OBJECTS],
  },
  {
    id: "F-32",
    fault: "What is run is edited meanwhile",
    how: "an edit of the Pipeline, and one of its Job",
    causes: ["real"],
    required: "The Pipeline refuses it; the Job takes it, and runs that are under way do not change.",
    files: [OBJECTS],
  },
  {
    id: "F-33",
    fault: "The leader loses its lease, or is paused past it",
    how: "SIGSTOP of the leader until another one leads, then SIGCONT, also with dozens of creations under way; a lease that somebody takes away",
    causes: ["real"],
    required: "It writes nothing after its deadline, by the server's own log, and ends.",
    files: [LEADERS, UNDER_WAY],
  },
  {
    id: "F-34",
    fault: "Two that think they lead",
    how: "the leader is cut off from the server and comes back after another one has taken over; creations that it had sent reach the server when another one makes the same pods",
    causes: ["proxy"],
    required: "No pod is made twice, no terminal record changes.",
    files: [LEADERS, UNDER_WAY],
  },
  {
    id: "F-35",
    fault: "The lease is deleted, or the right to it",
    how: "the Lease is deleted; the operator's rights on leases are removed",
    causes: ["real"],
    required: "Nobody works without a lease; the process says so, and leads again when it may.",
    files: [LEADERS],
  },
  {
    id: "F-36",
    fault: "The store does not work",
    how: "a file that is no database; a PostgreSQL server that is stopped",
    causes: ["real"],
    required: "Runs go on; pods whose logs are not stored stay, or the loss is told.",
    files: [STORE],
  },
  {
    id: "F-37",
    fault: "The disk is full",
    how: "a store on a file system of a few hundred kilobytes",
    causes: ["real"],
    required: "As F-36.",
    files: [STORE, "unit/store/embedded"],
  },
  {
    id: "F-38",
    fault: "An object that the operator cannot digest",
    how: "a run whose definition cannot be read, and one that the server always refuses to update",
    causes: ["real", "proxy"],
    required: "Only that run is held up; the others go on.",
    files: [OBJECTS],
  },
  {
    id: "F-39",
    fault: "One run gets a thousand events a second",
    how: "annotations of one run are changed without pause, and each change is delivered twenty times",
    causes: ["real", "proxy"],
    required: "Events are taken together; the other runs do not wait.",
    files: [OBJECTS],
  },
  {
    id: "F-40",
    fault: "Ten thousand finished runs at the start",
    how: "runs that have ended are there before the operator starts",
    causes: ["real"],
    required: "Lists page by page, no read per object, ready soon, and nothing is written to them.",
    files: [SIZE],
  },
  {
    id: "F-41",
    fault: "SIGTERM under load",
    how: "SIGTERM while hundreds of tasks are being started; the same while the server does not answer",
    causes: ["real", "proxy"],
    required: "Ends within ten seconds with exit code 0 and gives the lease back; the next one goes on.",
    files: [LEADERS, UNDER_WAY],
  },
  {
    id: "F-42",
    fault: "A client leaves a log or event stream, or reads slowly",
    how: "real HTTP clients that cut the connection or stop reading",
    causes: ["real"],
    required: "The stream from the API server ends as well, and memory stays bounded.",
    files: [STREAMS, "integration/kube/client"],
  },
  {
    id: "F-43",
    fault: "A GPU exporter hangs or talks rubbish",
    how: "an exporter that hangs, answers rubbish, or never ends",
    causes: ["simulated"],
    required: "A time-out, a limit of size, and figures marked as old.",
    files: ["unit/api/gpu/scrape", "integration/api/gpus"],
  },
  {
    id: "F-44",
    fault: "A malicious definition",
    how: "cycles, a million references, texts made to backtrack, names that every object has",
    causes: ["real", "simulated"],
    required: "Refused, quickly and in words.",
    files: [OBJECTS, "unit/crds/texts"],
  },
];

/** The rows of these numbers, all of them for none; throws for a number that no row has. */
export function rowsOf(ids: readonly string[]): readonly Row[] {
  const unknown = ids.filter((id) => !ROWS.some((row) => row.id === id));
  if (unknown.length > 0) throw new Error(`there is no row ${unknown.join(", ")}; rows are F-1 to F-${ROWS.length}`);
  return ids.length === 0 ? ROWS : ROWS.filter(({ id }) => ids.includes(id));
}
