import { booleanQuery, inPath, json, listOf, query, ref, type Section } from "./operation.ts";
import { EVENT_TIME, TEXT } from "./schema-parts.ts";

const ID = inPath("id", "Id of a pipeline or of a task, or the name of a task's pod.");

const RUN = "sst2-4k2m9xq1j";

/** A date of a record: milliseconds since 1970 (O-7). */
const RECORD_DATE = {
  type: ["object", "null"],
  required: ["$date"],
  additionalProperties: false,
  properties: { $date: { type: "integer" } },
} as const;
const RECORD_ID = {
  type: "object",
  required: ["$oid"],
  additionalProperties: false,
  properties: { $oid: { type: "string", pattern: "^[0-9a-f]{24}$" } },
} as const;
const OPTIONAL_TEXT = { type: ["string", "null"] } as const;
const TEXTS = { type: "array", items: TEXT } as const;

/** What is known of a run or a task: record, events, logs (O-54 to O-56). */
export const RESOURCES: Section = {
  operations: {
    "get /v1/resources/{id}/data": {
      summary: "Show the record of a run or a task.",
      auth: "reads",
      parameters: [ID],
      reply: json(ref("Data")),
      errors: [404],
      examples: [
        {
          summary: "The record of a run.",
          parameters: { id: RUN },
          reply: {
            success: true,
            jobs: {
              _id: { $oid: "5f1e0d3c2b4a59687f6e5d4c" },
              label: RUN,
              job: "sst2",
              version: "0123456789abcdef0123456789abcdef01234567",
              status: "RUNNING",
              submit_time: { $date: 1767323045000 },
              completion_time: null,
              executed: [],
              executing: [`${RUN}--sst2`],
              waiting: [`${RUN}--after`],
              jobs: [`${RUN}--sst2`, `${RUN}--after`],
              error_message: null,
              parent: null,
            },
          },
          varies: ["jobs._id", "jobs.submit_time"],
        },
        {
          summary: "The record of a task.",
          parameters: { id: `${RUN}--sst2` },
          reply: {
            success: true,
            jobs: {
              _id: { $oid: "0c1b2a39485766758493a2b1" },
              label: `${RUN}--sst2`,
              parent: RUN,
              name: "sst2",
              command: "mead-train",
              image: "meadml/mead2-gpu:latest",
              args: ["--basedir", `/data/odin/${RUN}/${RUN}--sst2`, "--config", "/data/pipelines/sst2/sst2.yml"],
              resource_type: "Pod",
              node_selector: null,
              pull_policy: "IfNotPresent",
              num_gpus: 1,
              inputs: null,
              outputs: null,
              resource_id: `${RUN}--sst2`,
              submit_time: { $date: 1767323046244 },
              completion_time: null,
              error_message: null,
              request_early_exit: null,
            },
          },
          varies: ["jobs._id"],
        },
      ],
    },
    "get /v1/resources/{id}/events": {
      summary: "List what happened to a run or a task, the oldest first; never empty.",
      auth: "reads",
      parameters: [ID],
      reply: json(listOf("events", "Event")),
      errors: [404],
      examples: [
        {
          summary: "A task whose image cannot be pulled.",
          parameters: { id: `${RUN}--sst2` },
          reply: {
            events: [
              {
                id: `evt-${RUN}--sst2-0`,
                eventType: "Normal",
                reason: "BackOff",
                source: "kubelet,gpu-1",
                message: 'Back-off pulling image "meadml/mead2-gpu:latest"',
                timestamp: "2026-01-02T03:04:10+00:00",
              },
              {
                id: `evt-${RUN}--sst2-1`,
                eventType: "Warning",
                reason: "Failed",
                source: "kubelet,gpu-1",
                message: "Error: ImagePullBackOff",
                timestamp: "2026-01-02T03:04:20+00:00",
              },
            ],
          },
        },
      ],
    },
    "get /v1/resources/{id}/logs": {
      summary:
        "Show the logs of a run or a task as one JSON string, or follow them as text; those of pods that are gone come from the store.",
      auth: "reads",
      parameters: [
        ID,
        query("lines", "Last lines of each pod.", { type: "integer", minimum: 0, maximum: 1_000_000 }),
        query("container", "Container; left out: the task's.", {
          type: "string",
          pattern: "^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$",
          maxLength: 63,
        }),
        booleanQuery("follow", "Stream the text until the task ends."),
      ],
      reply: { ...json({ type: "string" }), "text/plain": { schema: { type: "string" } } },
      errors: [404, 422],
      examples: [
        {
          summary: "The last lines of a task's log.",
          parameters: { id: `${RUN}--sst2`, lines: 100 },
          reply: `================\n${RUN}--sst2\n----------------\n(no log yet: the container has not started)`,
        },
        {
          summary: "Following a run that has ended, and whose pods wrote nothing.",
          parameters: { id: "sst2-0000ended0j", follow: "True" },
          reply: "",
          replyType: "text/plain",
        },
      ],
    },
  },
  schemas: {
    Data: {
      type: "object",
      required: ["success", "jobs"],
      additionalProperties: false,
      properties: { success: { const: true }, jobs: { oneOf: [ref("RunRecord"), ref("TaskRecord")] } },
    },
    RunRecord: {
      type: "object",
      description: "What is recorded of a run; every key is always there.",
      required: [
        ...["_id", "label", "job", "version", "status", "submit_time", "completion_time"],
        ...["executed", "executing", "waiting", "jobs", "error_message", "parent"],
      ],
      additionalProperties: false,
      properties: {
        _id: RECORD_ID,
        label: TEXT,
        job: TEXT,
        version: OPTIONAL_TEXT,
        status: ref("RunState"),
        submit_time: RECORD_DATE,
        completion_time: RECORD_DATE,
        executed: TEXTS,
        executing: { ...TEXTS, description: "Ids of tasks that run or failed." },
        waiting: TEXTS,
        jobs: { ...TEXTS, description: "Ids of all tasks." },
        error_message: OPTIONAL_TEXT,
        parent: { type: "null" },
      },
    },
    TaskRecord: {
      type: "object",
      description:
        "What is recorded of a task, and what the task itself reported; every key named here is always there.",
      required: [
        ...["_id", "label", "parent", "name", "command", "image", "args", "resource_type", "node_selector"],
        ...["pull_policy", "num_gpus", "inputs", "outputs", "resource_id", "submit_time", "completion_time"],
        ...["error_message", "request_early_exit"],
      ],
      properties: {
        _id: RECORD_ID,
        label: TEXT,
        parent: TEXT,
        name: TEXT,
        command: TEXT,
        image: TEXT,
        args: TEXTS,
        resource_type: TEXT,
        node_selector: { type: ["object", "null"] },
        pull_policy: TEXT,
        num_gpus: { type: "integer", minimum: 0 },
        inputs: { type: ["array", "null"] },
        outputs: { type: ["object", "null"] },
        resource_id: OPTIONAL_TEXT,
        submit_time: RECORD_DATE,
        completion_time: RECORD_DATE,
        error_message: OPTIONAL_TEXT,
      },
    },
    Event: {
      type: "object",
      required: ["id", "eventType", "reason", "source", "message", "timestamp"],
      additionalProperties: false,
      properties: { id: TEXT, eventType: TEXT, reason: TEXT, source: TEXT, message: TEXT, timestamp: EVENT_TIME },
    },
  },
};
