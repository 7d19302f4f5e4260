import { MAX_PARALLELISM } from "../../crds/run-policy.ts";
import { MAX_PRIORITY } from "../odin/run-controls.ts";
import {
  bodyWith,
  booleanQuery,
  inPath,
  type Json,
  json,
  listOf,
  type Operation,
  oneOf,
  query,
  ref,
  SEARCH,
  type Section,
} from "./operation.ts";
import { JOB_ID, STATUS_TIME, TEXT, YES_NO } from "./schema-parts.ts";

const ID = inPath("id", "Id of the pipeline, exactly.");
const CLEANUP_FLAGS = [
  booleanQuery("db", "Remove the record too; afterwards the id is unknown."),
  booleanQuery("fs", "Remove the run's directory too, where this server can."),
];

const RUN = "sst2-4k2m9xq1j";

const RUNNING = {
  id: RUN,
  name: RUN,
  status: "RUNNING",
  job: "sst2",
  version: "0123456789abcdef0123456789abcdef01234567",
  submitTime: "2026-01-02T03:04:05.000000",
  tasks: [
    {
      id: `${RUN}--sst2`,
      task: `${RUN}--sst2`,
      name: "sst2",
      status: "executing",
      command: "mead-train",
      image: "meadml/mead2-gpu:latest",
      resourceType: "Pod",
      resourceId: `${RUN}--sst2`,
      submitTime: "2026-01-02T03:04:06.244000",
    },
    {
      id: `${RUN}--after`,
      task: `${RUN}--after`,
      name: "after",
      status: "waiting",
      command: "odin-chores",
      image: "interactions/odin-ml:latest",
      resourceType: "Pod",
      message: "waiting for sst2",
    },
  ],
};

const cleanupRows = (run: string): Json[] => [
  { taskId: run, cleanedFromK8s: "No", purgedFromDb: "No", removedFromFs: "No" },
  { taskId: `${run}--sst2`, cleanedFromK8s: "Yes", purgedFromDb: "No", removedFromFs: "No" },
];

/** What may be given at a start and changed afterwards. */
const CONTROLS: Json = {
  suspend: {
    type: ["boolean", "null"],
    description: "Start no task until it is false; what runs goes on.",
  },
  priority: {
    type: ["integer", "null"],
    minimum: -MAX_PRIORITY,
    maximum: MAX_PRIORITY,
    description: "Where runs wait for each other the higher goes first. Left out at a start: 0.",
  },
  parallelism: {
    type: ["integer", "null"],
    minimum: 1,
    maximum: MAX_PARALLELISM,
    description:
      "Most tasks of the run that have a pod or other object at a time. Left out at a start: as its job says.",
  },
};

const START: Operation = {
  summary: "Start a run of a job.",
  auth: "always",
  body: json(ref("Launch")),
  reply: json(oneOf("pipeline", "Launched")),
  errors: [400, 401, 404, 413, 415, 422],
  examples: [
    {
      summary: "A run of the job sst2.",
      body: { pipeline: { job: "sst2" } },
      reply: { pipeline: { id: RUN, job: "sst2", name: RUN } },
      varies: ["pipeline.id", "pipeline.name"],
    },
    {
      summary: "A request that names no job.",
      body: { pipeline: {} },
      status: 422,
      reply: {
        type: "urn:odin:error:Invalid",
        title: "The request is not valid",
        status: 422,
        detail: "pipeline.job: is missing",
        instance: "6f6f0bb8-8d3a-4a7b-9a58-0c1f6a6e1f5e",
        errors: [{ path: "pipeline.job", detail: "is missing" }],
      },
      varies: ["instance"],
    },
  ],
};

const stop = (reply: Operation["reply"], run: string, example: (rows: Json[]) => unknown): Operation => ({
  summary: "Stop a run and delete what it created.",
  auth: "always",
  parameters: [ID, ...CLEANUP_FLAGS],
  reply,
  errors: [401, 404, 422],
  examples: [
    {
      summary: "A run that is stopped, while its record stays.",
      parameters: { id: run, db: "False", fs: "False" },
      reply: example(cleanupRows(run)),
    },
  ],
});

/** Runs: listing, showing, starting and stopping them (O-48 to O-51, O-59). */
export const PIPELINES: Section = {
  operations: {
    "get /v1/pipelines": {
      summary: "List runs, the newest first. If the list is cut, the header X-Total-Count has the full number.",
      auth: "reads",
      parameters: [
        SEARCH,
        query("limit", "Most runs in the reply.", { type: "integer", minimum: 1, maximum: 1000, default: 1000 }),
      ],
      reply: json(listOf("pipelines", "Pipeline")),
      errors: [422],
      examples: [
        {
          summary: "Runs whose id holds a text.",
          parameters: { q: "4k2m", limit: 10 },
          reply: { pipelines: [RUNNING] },
          varies: ["pipelines.*.submitTime"],
        },
      ],
    },
    "post /v1/pipelines": START,
    "get /v1/pipelines/{id}": {
      summary: "Show a run.",
      auth: "reads",
      parameters: [ID],
      reply: json(oneOf("pipeline", "Pipeline")),
      errors: [404],
      examples: [
        {
          summary: "A run with a task that runs and one that waits.",
          parameters: { id: RUN },
          reply: { pipeline: RUNNING },
          varies: ["pipeline.submitTime"],
        },
      ],
    },
    "put /v1/pipelines/{id}": {
      summary: "Pause a run or let it go on, let it end when what runs has ended, or change how it is scheduled.",
      auth: "always",
      parameters: [ID],
      body: json(bodyWith("pipeline", "RunControls")),
      reply: json(oneOf("pipeline", "Pipeline")),
      errors: [400, 401, 404, 409, 413, 415, 422],
      examples: [
        {
          summary: "A run that is paused: what runs goes on, nothing further starts.",
          parameters: { id: RUN },
          body: { pipeline: { suspend: true } },
          reply: { pipeline: RUNNING },
          varies: ["pipeline.submitTime"],
        },
        {
          summary: "A request that names nothing to change.",
          parameters: { id: RUN },
          body: { pipeline: {} },
          status: 422,
          reply: {
            type: "urn:odin:error:Invalid",
            title: "The request is not valid",
            status: 422,
            detail: "pipeline: names nothing to change: give suspend, stop, priority or parallelism",
            instance: "6f6f0bb8-8d3a-4a7b-9a58-0c1f6a6e1f5e",
            errors: [
              {
                path: "pipeline",
                detail: "names nothing to change: give suspend, stop, priority or parallelism",
              },
            ],
          },
          varies: ["instance"],
        },
      ],
    },
    "delete /v1/pipelines/{id}": stop(json(listOf("cleanups", "Cleanup")), "sst2-7w0c3v5tj", (cleanups) => ({
      cleanups,
    })),
    "post /v1/pipeline": START,
    "delete /v1/pipeline/{id}": stop(json({ type: "array", items: ref("Cleanup") }), "sst2-0f6h8k2zj", (rows) => rows),
  },
  schemas: {
    Launch: {
      type: "object",
      required: ["pipeline"],
      properties: {
        pipeline: {
          type: "object",
          required: ["job"],
          properties: { job: JOB_ID, ...CONTROLS },
        },
        context: {
          type: ["object", "null"],
          description: "Values that the job's templates are rendered with (files *.jinja2).",
        },
      },
    },
    RunControls: {
      type: "object",
      description: "At least one of them; those left out stay as they are.",
      properties: {
        ...CONTROLS,
        stop: {
          type: ["boolean", "null"],
          enum: [true, null],
          description: "Start no further task and end when what runs has ended. Cannot be taken back.",
        },
      },
    },
    Launched: {
      type: "object",
      required: ["id", "job", "name"],
      additionalProperties: false,
      properties: { id: TEXT, job: TEXT, name: TEXT },
    },
    RunState: { type: "string", enum: ["BUILDING", "RUNNING", "DONE", "TERMINATED"] },
    Pipeline: {
      type: "object",
      required: ["id", "name", "status", "tasks"],
      additionalProperties: false,
      properties: {
        id: TEXT,
        name: TEXT,
        status: ref("RunState"),
        job: TEXT,
        version: TEXT,
        message: TEXT,
        submitTime: STATUS_TIME,
        completionTime: STATUS_TIME,
        tasks: { type: "array", items: ref("Task") },
      },
    },
    Task: {
      type: "object",
      required: ["id", "task", "name", "status", "resourceType"],
      additionalProperties: false,
      properties: {
        id: TEXT,
        task: TEXT,
        name: TEXT,
        status: { type: "string", enum: ["waiting", "executing", "executed", "terminated"] },
        command: TEXT,
        image: TEXT,
        resourceType: TEXT,
        resourceId: TEXT,
        submitTime: STATUS_TIME,
        completionTime: STATUS_TIME,
        message: TEXT,
      },
    },
    Cleanup: {
      type: "object",
      required: ["taskId", "cleanedFromK8s", "purgedFromDb", "removedFromFs"],
      additionalProperties: false,
      properties: { taskId: TEXT, cleanedFromK8s: YES_NO, purgedFromDb: YES_NO, removedFromFs: YES_NO },
    },
  },
};
