import { booleanQuery, inPath, json, listOf, query, ref, type Section } from "./operation.ts";
import { EVENT_TIME, TEXT } from "./schema-parts.ts";

const ID = inPath("id", "Id of a pipeline or of a task, or the name of a task's pod.");

/** What is known of a run or a task: record, events, logs (O-54 to O-56). */
export const RESOURCES: Section = {
  operations: {
    "get /v1/resources/{id}/data": {
      summary: "Show the record of a run or a task.",
      auth: "reads",
      parameters: [ID],
      reply: json(ref("Data")),
      errors: [404],
      examples: [],
    },
    "get /v1/resources/{id}/events": {
      summary: "List what happened to a run or a task, the oldest first; never empty.",
      auth: "reads",
      parameters: [ID],
      reply: json(listOf("events", "Event")),
      errors: [404],
      examples: [],
    },
    "get /v1/resources/{id}/logs": {
      summary: "Show the logs of a run or a task as one JSON string, or follow them as text.",
      auth: "reads",
      parameters: [
        ID,
        query("lines", "Last lines of each pod.", { type: "integer", minimum: 0, maximum: 1_000_000 }),
        query("container", "Container; left out: the task's.", { type: "string" }),
        booleanQuery("follow", "Stream the text until the task ends."),
      ],
      reply: { ...json({ type: "string" }), "text/plain": { schema: { type: "string" } } },
      errors: [404, 422],
      examples: [],
    },
  },
  schemas: {
    Data: {
      type: "object",
      required: ["success", "jobs"],
      additionalProperties: false,
      properties: { success: { const: true }, jobs: { type: "object" } },
    },
    Event: {
      type: "object",
      required: ["id", "eventType", "reason", "source", "message", "timestamp"],
      additionalProperties: false,
      properties: { id: TEXT, eventType: TEXT, reason: TEXT, source: TEXT, message: TEXT, timestamp: EVENT_TIME },
    },
  },
};
