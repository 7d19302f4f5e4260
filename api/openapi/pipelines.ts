import {
  booleanQuery,
  inPath,
  json,
  listOf,
  type Operation,
  oneOf,
  query,
  ref,
  SEARCH,
  type Section,
} from "./operation.ts";
import { STATUS_TIME, TEXT, YES_NO } from "./schema-parts.ts";

const ID = inPath("id", "Id of the pipeline, exactly.");
const CLEANUP_FLAGS = [
  booleanQuery("db", "Remove the record too; afterwards the id is unknown."),
  booleanQuery("fs", "Remove the run's directory too, where this server can."),
];

const START: Operation = {
  summary: "Start a run of a job.",
  auth: "always",
  body: json(ref("Launch")),
  reply: json(oneOf("pipeline", "Launched")),
  errors: [400, 401, 404, 413, 415, 422],
  examples: [],
};

const stop = (reply: Operation["reply"]): Operation => ({
  summary: "Stop a run and delete what it created.",
  auth: "always",
  parameters: [ID, ...CLEANUP_FLAGS],
  reply,
  errors: [401, 404, 422],
  examples: [],
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
      examples: [],
    },
    "post /v1/pipelines": START,
    "get /v1/pipelines/{id}": {
      summary: "Show a run.",
      auth: "reads",
      parameters: [ID],
      reply: json(oneOf("pipeline", "Pipeline")),
      errors: [404],
      examples: [],
    },
    "delete /v1/pipelines/{id}": stop(json(listOf("cleanups", "Cleanup"))),
    "post /v1/pipeline": START,
    "delete /v1/pipeline/{id}": stop(json({ type: "array", items: ref("Cleanup") })),
  },
  schemas: {
    Launch: {
      type: "object",
      required: ["pipeline"],
      properties: {
        pipeline: {
          type: "object",
          required: ["job"],
          properties: { job: { ...TEXT, description: "Id of the job; __ stands for /." } },
        },
        context: { type: ["object", "null"], description: "Values for the job's templates." },
      },
    },
    Launched: {
      type: "object",
      required: ["id", "job", "name"],
      additionalProperties: false,
      properties: { id: TEXT, job: TEXT, name: TEXT },
    },
    Pipeline: {
      type: "object",
      required: ["id", "name", "status", "tasks"],
      additionalProperties: false,
      properties: {
        id: TEXT,
        name: TEXT,
        status: { type: "string", enum: ["BUILDING", "RUNNING", "DONE", "TERMINATED"] },
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
