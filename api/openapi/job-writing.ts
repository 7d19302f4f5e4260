import { inPath, type Json, json, oneOf, ref, type Section } from "./operation.ts";
import { FILE_NAME, JOB_ID, TEXT } from "./schema-parts.ts";

const IN_PATH = inPath("id", "Id of the job; __ stands for /.");
const FILE = inPath("file", "Name of the file: one segment.");
const VERSION = "0123456789abcdef0123456789abcdef01234567";
const CREATED = {
  creationTime: "2026-01-02T03:04:05.123000Z",
  id: "intent/train",
  location: "/data/pipelines/intent/train",
  name: "intent/train",
};
const CREATED_KEYS: Json = {
  creationTime: { ...TEXT, pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z$" },
  id: TEXT,
  location: { ...TEXT, description: "The job's directory." },
  name: TEXT,
};

const JOB_CHANGE: Json = {
  tasks: {
    type: ["array", "null"],
    description: "All tasks, keys in camelCase or snake_case; left out: they stay.",
    items: { type: "object", required: ["name"], properties: { name: TEXT } },
  },
  configs: {
    type: ["array", "null"],
    description: "Files to write; others stay.",
    items: {
      type: "object",
      required: ["name"],
      properties: { name: FILE_NAME, content: { type: ["string", "null"] } },
    },
  },
};

/** The routes of jobs and their files: what writes them, and reading a file (O-45, O-47, O-52, O-53). */
export const JOB_WRITING: Section = {
  operations: {
    "post /v1/jobs": {
      summary: "Create a job without tasks.",
      auth: "always",
      body: json(ref("NewJob")),
      reply: json(ref("CreatedJob")),
      errors: [400, 401, 409, 413, 415, 422],
      examples: [
        {
          summary: "A job whose id has two segments.",
          body: { job: { name: "intent__train" } },
          reply: { ...CREATED, job: CREATED },
          varies: ["creationTime", "job.creationTime"],
        },
      ],
    },
    "put /v1/jobs/{id}": {
      summary: "Replace the tasks of a job and write the given files, in one commit; creates the job if it is missing.",
      auth: "always",
      parameters: [IN_PATH],
      body: json(ref("JobUpdate")),
      reply: json(oneOf("job", "Job")),
      errors: [400, 401, 404, 409, 413, 415, 422],
      examples: [
        {
          summary: "One task and one file.",
          parameters: { id: "blahblah" },
          body: {
            job: {
              tasks: [{ name: "train", image: "python:3.11-slim", command: ["python", "train.py"], num_gpus: 1 }],
              configs: [{ name: "train.py", content: "print(1)\n" }],
            },
          },
          reply: {
            job: {
              id: "blahblah",
              name: "blahblah",
              location: "/data/pipelines/blahblah/main.yml",
              tasks: [
                {
                  id: "blahblah--train",
                  name: "train",
                  image: "python:3.11-slim",
                  command: ["python", "train.py"],
                  numGpus: 1,
                },
              ],
              configs: [{ id: "/data/pipelines/blahblah/train.py", name: "train.py", content: "print(1)\n" }],
            },
          },
        },
      ],
    },
    "get /v1/jobs/{id}/files/{file}": {
      summary: "Show a file of a job, byte by byte.",
      auth: "reads",
      parameters: [IN_PATH, FILE],
      reply: {
        "text/plain": { schema: { type: "string" } },
        "application/octet-stream": { schema: { type: "string", format: "binary" } },
      },
      errors: [404],
      examples: [
        {
          summary: "A text file.",
          parameters: { id: "sst2", file: "sst2.yml" },
          reply: "dataset: SST2\n",
        },
      ],
    },
    "post /v1/jobs/{id}/files/{file}": {
      summary: "Store a file in a job's directory, byte by byte; one commit.",
      auth: "always",
      parameters: [IN_PATH, FILE],
      body: {
        "application/octet-stream": { schema: { type: "string", format: "binary" } },
        "text/plain": { schema: { type: "string" } },
      },
      bodyOptional: true,
      reply: json(ref("StoredFile")),
      errors: [401, 404, 409, 413, 415, 422],
      examples: [
        {
          summary: "A text file.",
          parameters: { id: "intent__train", file: "model.yml" },
          body: "batchsz: 50\n",
          bodyType: "text/plain",
          reply: { bytes: 12, location: `/data/pipelines/intent/train/model.yml@${VERSION}` },
          varies: ["location"],
        },
      ],
    },
  },
  schemas: {
    NewJob: {
      type: "object",
      required: ["job"],
      properties: {
        job: {
          type: "object",
          required: ["name"],
          properties: { name: JOB_ID },
        },
      },
    },
    JobUpdate: {
      type: "object",
      description: "The job in `job`, or the bare job. What GET shows and is not listed here is ignored.",
      properties: { job: { $ref: "#/components/schemas/JobChange" }, ...JOB_CHANGE },
    },
    JobChange: { type: "object", properties: JOB_CHANGE },
    CreatedJob: {
      type: "object",
      required: ["creationTime", "id", "location", "name", "job"],
      additionalProperties: false,
      properties: {
        ...CREATED_KEYS,
        job: {
          type: "object",
          required: ["creationTime", "id", "location", "name"],
          additionalProperties: false,
          properties: CREATED_KEYS,
        },
      },
    },
    StoredFile: {
      type: "object",
      required: ["bytes", "location"],
      additionalProperties: false,
      properties: {
        bytes: { type: "integer", minimum: 0 },
        location: { ...TEXT, pattern: "^/.+@[0-9a-f]{40}$", description: "Path of the file, @, and the commit." },
      },
    },
  },
};
