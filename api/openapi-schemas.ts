const text = { type: "string" } as const;
const yesNo = { type: "string", enum: ["Yes", "No"] } as const;
const statusTime = { type: "string", pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}$" } as const;

/** Schemas of bodies and replies for the OpenAPI document, by name. */
export const SCHEMAS = {
  Login: { type: "object", required: ["username", "password"], properties: { username: text, password: text } },
  Token: { type: "object", required: ["message"], additionalProperties: false, properties: { message: text } },
  Launch: {
    type: "object",
    required: ["pipeline"],
    properties: {
      pipeline: {
        type: "object",
        required: ["job"],
        properties: { job: { ...text, description: "Id of the job; __ stands for /." } },
      },
      context: { type: ["object", "null"], description: "Values for the job's templates." },
    },
  },
  Launched: {
    type: "object",
    required: ["id", "job", "name"],
    additionalProperties: false,
    properties: { id: text, job: text, name: text },
  },
  Job: {
    type: "object",
    required: ["id", "name", "location", "tasks", "configs"],
    properties: {
      id: text,
      name: text,
      location: text,
      tasks: { type: "array", items: { $ref: "#/components/schemas/JobTask" } },
      configs: { type: "array", items: { $ref: "#/components/schemas/Config" } },
      error: { ...text, description: "Why the job cannot be run; then it shows no tasks." },
    },
  },
  JobTask: { type: "object", required: ["id", "name"], properties: { id: text, name: text } },
  Config: {
    type: "object",
    required: ["id", "name", "content"],
    properties: { id: text, name: text, content: text },
  },
  Pipeline: {
    type: "object",
    required: ["id", "name", "status", "tasks"],
    properties: {
      id: text,
      name: text,
      status: { type: "string", enum: ["BUILDING", "RUNNING", "DONE", "TERMINATED"] },
      job: text,
      version: text,
      message: text,
      submitTime: statusTime,
      completionTime: statusTime,
      tasks: { type: "array", items: { $ref: "#/components/schemas/Task" } },
    },
  },
  Task: {
    type: "object",
    required: ["id", "task", "name", "status", "resourceType"],
    properties: {
      id: text,
      task: text,
      name: text,
      status: { type: "string", enum: ["waiting", "executing", "executed", "terminated"] },
      command: text,
      image: text,
      resourceType: text,
      resourceId: text,
      submitTime: statusTime,
      completionTime: statusTime,
      message: text,
    },
  },
  Cleanup: {
    type: "object",
    required: ["taskId", "cleanedFromK8s", "purgedFromDb", "removedFromFs"],
    properties: { taskId: text, cleanedFromK8s: yesNo, purgedFromDb: yesNo, removedFromFs: yesNo },
  },
  Data: {
    type: "object",
    required: ["success", "jobs"],
    properties: { success: { const: true }, jobs: { type: "object" } },
  },
  Event: {
    type: "object",
    required: ["id", "eventType", "reason", "source", "message", "timestamp"],
    properties: {
      id: text,
      eventType: text,
      reason: text,
      source: text,
      message: text,
      timestamp: { type: "string", pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\+00:00$" },
    },
  },
  Problem: {
    type: "object",
    required: ["type", "title", "status", "detail"],
    properties: {
      type: text,
      title: text,
      status: { type: "integer" },
      detail: text,
      instance: text,
      errors: { type: "array", items: { type: "object", properties: { path: text, detail: text } } },
    },
    not: { required: ["message"] },
  },
} as const;
