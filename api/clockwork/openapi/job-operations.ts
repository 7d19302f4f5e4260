import { type ClockworkOperations, listOf, oneOrNone, query, ref, TEXT } from "./operation.ts";

const INTEGER = { type: "integer" } as const;
const CLUSTERS = query(
  "cluster_name",
  "Names of clusters, separated by commas; left out: all that the caller may see.",
);
const JOB_ID = query("job_id", "Id of a job.", TEXT, true);
const VIEW = [
  query("time_format", "`iso` prints times as ISO 8601 in the server's zone; left out: unix seconds.", {
    enum: ["iso"],
  }),
  query("want_user_props", "`true` adds the caller's own properties of each job.", { type: "string" }),
];
const SORTED_BY = ["cluster_name", "user", "job_id", "name", "job_state", "submit_time", "start_time", "end_time"];
const OBJECT = { type: "object" } as const;
const NO_JSON = ["Expected a JSON request", "Malformed JSON body.", "Expected a JSON object."];

/** A body of the routes of properties, with one more field. */
function propsBody(field: string, schema: object): Record<string, unknown> {
  return {
    "application/json": {
      schema: {
        type: "object",
        required: ["job_id", "cluster_name", field],
        properties: {
          job_id: { type: ["string", "number"] },
          cluster_name: { type: ["string", "number"] },
          [field]: schema,
        },
      },
    },
  };
}

/** Answers to a body that names no job, or none that can be one. */
const PROPS_PROBLEMS = {
  400: [
    ...NO_JSON,
    ...["Missing argument job_id.", "Missing argument cluster_name."],
    ...["Expected job_id to be a string.", "Expected cluster_name to be a string."],
  ],
  413: ["Request body too large: maximum 4194304 bytes."],
};

/** The operations on jobs and on what users store with them (C-20 to C-25). */
export const JOB_OPERATIONS: ClockworkOperations = {
  "get /jobs/list": {
    summary:
      "List the jobs that all given filters fit; with `page_num` or `nbr_items_per_page` a page of them, in an order.",
    parameters: [
      query("username", "E-mail of the jobs' user."),
      query("user", "Any of the three names of the jobs' user; `all` and `*`: everybody's."),
      CLUSTERS,
      query("time", "Only jobs that have not ended, or did so within that many seconds.", INTEGER),
      query("relative_time", "The same, with fractions of seconds.", { type: "number" }),
      query("aggregated_job_state", "RUNNING, PENDING, COMPLETED and FAILED, separated by commas."),
      query("job_state", "States, separated by commas; those of both parameters fit."),
      query("job_id", "Ids, separated by commas."),
      query("job_array", "Id of a job array; 0: jobs that belong to none.", INTEGER),
      query("user_prop_name", "Name of a property that the caller has stored on the job."),
      query("user_prop_content", "Its value, a text."),
      query("page_num", "Page, from 1 on.", INTEGER),
      query("nbr_items_per_page", "Jobs on a page; left out: the user's setting, or the server's.", INTEGER),
      query("sort_by", "Order of paged jobs.", { enum: SORTED_BY, default: "submit_time" }),
      query("sort_asc", "1: ascending, -1: descending.", { enum: [1, -1] }),
      query("want_count", "`true`: also tell how many jobs there are on all pages."),
      ...VIEW,
    ],
    reply: {
      anyOf: [
        listOf("Job"),
        {
          type: "object",
          required: ["jobs", "nbr_total_jobs"],
          additionalProperties: false,
          properties: { jobs: listOf("Job"), nbr_total_jobs: INTEGER },
        },
      ],
    },
    errors: {
      400: [
        "Field 'time' cannot be cast as a valid integer: X.",
        "Field 'relative_time' cannot be cast as a valid float: X.",
        "Invalid sort_by: X.",
      ],
    },
  },
  "get /jobs/one": {
    summary: "Show one job; an empty object where the caller sees no job of that id.",
    parameters: [JOB_ID, CLUSTERS, ...VIEW],
    reply: oneOrNone("Job"),
    errors: {
      400: ["Missing argument job_id."],
      500: ["Found N jobs with job_id X. Not sure what to do about these cases."],
    },
  },
  "put /jobs/user_dict_update": {
    summary:
      "Merge values into the object that a job shows as `user`; only its owner may. The fields may come by the query or in the body.",
    parameters: [query("job_id", "Id of a job."), CLUSTERS, query("update_pairs", "JSON text of an object.")],
    body: Object.fromEntries(
      ["application/x-www-form-urlencoded", "multipart/form-data", "application/json"].map((type) => [
        type,
        { schema: { type: "object", properties: { job_id: TEXT, cluster_name: TEXT, update_pairs: {} } } },
      ]),
    ),
    reply: OBJECT,
    errors: {
      400: ["Missing argument job_id.", ...NO_JSON.slice(1)],
      403: ["It seems you have no access to the requested cluster(s).", "This job belongs to A and not B."],
      404: ["Job not found in database."],
      413: ["Request body too large: maximum 4194304 bytes."],
      500: [
        "Found more than one job matching the criteria. This is probably not what was intended.",
        "Missing 'update_pairs' from arguments.",
        "Failed to json.loads(update_pairs). \nR.",
        "Expected `update_pairs` to be a dict, but instead it is of type T: V.",
        "Too huge user dict: maximum 2.0 Mbytes (previous: P Mbytes, updates: U Mbytes)",
      ],
    },
  },
  "get /jobs/user_props/get": {
    summary: "Show the caller's own properties of a job.",
    parameters: [JOB_ID, query("cluster_name", "Name of the job's cluster.", TEXT, true)],
    reply: OBJECT,
    errors: { 400: ["Missing argument job_id.", "Missing argument cluster_name."] },
  },
  "put /jobs/user_props/set": {
    summary: "Merge values into the caller's own properties of a job.",
    body: propsBody("updates", OBJECT),
    reply: OBJECT,
    errors: {
      ...PROPS_PROBLEMS,
      500: [
        "Missing argument 'updates'.",
        "Expected `updates` to be a dict, but instead it is of type T: V.",
        "Too huge job-user props: maximum 2.0 Mbytes (previous: P Mbytes, updates: U Mbytes)",
        "Failed to set user props: quota of N Mbytes reached.",
      ],
    },
  },
  "put /jobs/user_props/delete": {
    summary: "Remove values from the caller's own properties of a job.",
    body: propsBody("keys", { type: ["string", "array"], items: {} }),
    reply: { const: "" },
    errors: {
      ...PROPS_PROBLEMS,
      500: [
        "Missing argument 'keys'.",
        "Expected `keys` to be a string or list of strings, instead it is of type T: V.",
      ],
    },
  },
};

/** The operations on a user's API keys (C-15). */
export const KEY_OPERATIONS: ClockworkOperations = {
  "get /keys": {
    summary: "List the caller's API keys, without the keys themselves.",
    odinOnly: true,
    reply: listOf("Key"),
  },
  "post /keys": {
    summary: "Make an API key. It is shown in this answer and never again.",
    odinOnly: true,
    reply: ref("NewKey"),
    errors: { 400: ["Too many keys: maximum 100; revoke one that is not needed."] },
  },
  "delete /keys/{id}": {
    summary: "Revoke an API key.",
    odinOnly: true,
    parameters: [{ name: "id", in: "path", required: true, description: "Id of the key.", schema: TEXT }],
    reply: { const: "" },
    errors: { 404: ["Not found."] },
  },
};
