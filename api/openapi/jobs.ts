import { JOB_TASK } from "./job-task.ts";
import { inPath, json, listOf, oneOf, SEARCH, type Section } from "./operation.ts";
import { TEXT } from "./schema-parts.ts";

const SST2 = {
  id: "sst2",
  name: "sst2",
  location: "/data/pipelines/sst2/main.yml",
  tasks: [
    {
      id: "sst2--sst2",
      name: "sst2",
      image: "meadml/mead2-gpu:latest",
      command: ["mead-train"],
      args: ["--basedir", "${RUN_PATH}/${TASK_ID}", "--config", "${WORK_PATH}/${TASK_NAME}.yml"],
      mounts: [{ name: "data", path: "/data", claim: "data-rw-many" }],
      numGpus: 1,
    },
    {
      id: "sst2--after",
      name: "after",
      image: "interactions/odin-ml:latest",
      command: ["odin-chores"],
      depends: ["sst2"],
      args: ["$WORK_PATH/after.yml", "--label", "$TASK_ID"],
      pullPolicy: "Always",
    },
  ],
  configs: [{ id: "/data/pipelines/sst2/sst2.yml", name: "sst2.yml", content: "dataset: SST2\n" }],
};

/** Reading jobs (O-44, O-46). */
export const JOBS: Section = {
  operations: {
    "get /v1/jobs": {
      summary: "List jobs.",
      auth: "reads",
      parameters: [SEARCH],
      reply: json(listOf("jobs", "Job")),
      errors: [422],
      examples: [
        {
          summary: "Jobs whose id holds a text.",
          parameters: { q: "ss" },
          reply: { jobs: [SST2] },
        },
      ],
    },
    "get /v1/jobs/{id}": {
      summary: "Show a job.",
      auth: "reads",
      parameters: [inPath("id", "Id of the job; __ stands for /.")],
      reply: json(oneOf("job", "Job")),
      errors: [404],
      examples: [
        { summary: "One job.", parameters: { id: "sst2" }, reply: { job: SST2 } },
        {
          summary: "An id that no job has.",
          parameters: { id: "nope" },
          status: 404,
          reply: {
            type: "urn:odin:error:JobUnknown",
            title: "There is no such job",
            status: 404,
            detail: 'there is no job "nope"; GET /v1/jobs lists them',
            instance: "6f6f0bb8-8d3a-4a7b-9a58-0c1f6a6e1f5e",
          },
          varies: ["instance"],
        },
      ],
    },
  },
  schemas: {
    Job: {
      type: "object",
      required: ["id", "name", "location", "tasks", "configs"],
      properties: {
        id: TEXT,
        name: TEXT,
        location: TEXT,
        tasks: { type: "array", items: { $ref: "#/components/schemas/JobTask" } },
        configs: { type: "array", items: { $ref: "#/components/schemas/Config" } },
        error: { ...TEXT, description: "Why the job cannot be run; then it shows no tasks." },
      },
    },
    JobTask: JOB_TASK,
    Config: {
      type: "object",
      required: ["id", "name", "content"],
      properties: {
        id: TEXT,
        name: TEXT,
        content: TEXT,
        truncated: { const: true, description: "The content is left out: it is over 1 MiB, or no UTF-8 text." },
      },
    },
  },
};
