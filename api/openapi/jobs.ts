import { inPath, json, listOf, oneOf, SEARCH, type Section } from "./operation.ts";
import { TEXT } from "./schema-parts.ts";

/** Reading jobs (O-44, O-46). */
export const JOBS: Section = {
  operations: {
    "get /v1/jobs": {
      summary: "List jobs.",
      auth: "reads",
      parameters: [SEARCH],
      reply: json(listOf("jobs", "Job")),
      errors: [422],
      examples: [],
    },
    "get /v1/jobs/{id}": {
      summary: "Show a job.",
      auth: "reads",
      parameters: [inPath("id", "Id of the job; __ stands for /.")],
      reply: json(oneOf("job", "Job")),
      errors: [404],
      examples: [],
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
    JobTask: { type: "object", required: ["id", "name"], properties: { id: TEXT, name: TEXT } },
    Config: {
      type: "object",
      required: ["id", "name", "content"],
      properties: { id: TEXT, name: TEXT, content: TEXT },
    },
  },
};
