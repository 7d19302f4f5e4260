import { flag, integer, list, map, object, type Schema, text, time } from "./schema.ts";

/** Most workers of which a run keeps a record. */
export const MAX_WORKERS = 10_000;

/** What a task of kind `Workers` has beside `image`, `command`, `numWorkers`, `cpu` and `numGpus` (M-38, M-42). */
export const WORKERS_FIELDS: Schema = object(
  "How the command of `Workers` is started. The words of `command` and `args`, joined by blanks, are a template with the placeholders `{hosts}`, `{run_id}`, `{rank}` and `{backend}`.",
  {
    backend: text("What `{backend}` stands for. Left out: `mpi`.", 1024, { minLength: 1 }),
    allRanks: flag("Start the command in every worker instead of the first one. Left out: unless `backend` is `mpi`."),
    launcher: flag("Put the launcher of MPI before the command. Left out: if `backend` is `mpi`."),
    lightTarget: flag("Add ` --light` to the command."),
    egressMbits: integer("Limit of what a worker may send, in Mbit/s. Left out: none.", {
      minimum: 1,
      maximum: 1_000_000_000,
    }),
  },
  [],
  { typeName: "Workers" },
);

const labels = (description: string): Schema => map(description, text("Value of the label.", 63), 64);

const rank = object(
  "One worker.",
  {
    pod: text("Name of its pod.", 253),
    uid: text("UID of its pod.", 64),
    ip: text("Address of its pod.", 64),
    labels: labels("Labels of its pod that are not those of all."),
    started: time("When the command was started in it. Left out: it is not."),
    exitStatus: integer("Exit status of its command."),
  },
  ["pod"],
  { typeName: "WorkerRank" },
);

/** What becomes of the workers of a managed run (M-42). */
export const WORKERS_STATUS: Schema = object(
  "What became of the workers of a run of MLBench.",
  {
    name: text("Name of the Service and of the StatefulSet.", 63),
    serviceUid: text("UID of the Service, once it is made.", 64),
    setUid: text("UID of the StatefulSet, once it is made.", 64),
    labels: labels("Labels that the pods of all workers have."),
    command: text("The command of the first worker, in full.", 1_048_576),
    master: text("Pod of the first worker.", 253),
    ranks: list("The workers in the order of their numbers, from the moment that all are ready.", rank, MAX_WORKERS),
  },
  ["name"],
  { typeName: "WorkersStatus" },
);
