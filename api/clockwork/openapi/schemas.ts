import { type Json, TEXT } from "./operation.ts";

const INTEGER: Json = { type: "integer" };
const orNull = (type: string, description?: string): Json => ({
  type: [type, "null"],
  ...(description === undefined ? {} : { description }),
});
const said = (description: string): Json => ({ ...TEXT, description });
/** Unix seconds, or ISO 8601 where that was asked for. */
const TIME: Json = { type: ["integer", "string", "null"], description: "Unix seconds; text where `time_format=iso`." };

/** An object with exactly these keys, but for those that may be absent. */
function exactly(properties: Record<string, Json>, optional: readonly string[] = []): Json {
  const required = Object.keys(properties).filter((key) => !optional.includes(key));
  return { type: "object", required, additionalProperties: false, properties };
}

const RESOURCES: Json = {
  type: "object",
  additionalProperties: INTEGER,
  description: "num_cpus, mem (MiB), num_nodes, billing, and num_gpus where there are any.",
};

const JOB_SLURM = exactly(
  {
    ...{ job_id: TEXT, array_job_id: TEXT, array_task_id: TEXT, name: TEXT, username: TEXT, uid: orNull("integer") },
    ...{ account: TEXT, partition: TEXT, job_state: TEXT },
    exit_code: said("exit code and signal, `1:0`"),
    time_limit: orNull("integer", "seconds"),
    ...{ submit_time: TIME, start_time: TIME, end_time: TIME, nodes: orNull("string"), command: orNull("string") },
    ...{ work_dir: orNull("string"), working_directory: orNull("string"), stdin: orNull("string") },
    ...{ stdout: orNull("string"), stderr: orNull("string"), tres_requested: RESOURCES, tres_allocated: RESOURCES },
    ...{ TRES: TEXT, num_nodes: TEXT, num_cpus: TEXT, num_tasks: TEXT, cpus_per_task: TEXT },
    ...{ tres_per_node: orNull("string"), reservation: TEXT, resv_name: TEXT, comment: orNull("string") },
    cluster_name: TEXT,
  },
  ["reservation", "resv_name"],
);

const NODE_SLURM = exactly({
  ...{ name: TEXT, addr: TEXT, arch: TEXT, features: TEXT, gres: orNull("string"), gres_used: orNull("string") },
  ...{ memory: INTEGER, cpus: INTEGER, cores: INTEGER, state: TEXT, state_flags: { type: "array", items: TEXT } },
  ...{ cfg_tres: TEXT, tres: TEXT, alloc_tres: orNull("string"), tres_used: orNull("string") },
  ...{ reason: orNull("string"), reason_changed_at: orNull("integer"), comment: orNull("string") },
  ...{ last_busy: orNull("integer"), cluster_name: TEXT },
});

/** The schemas of the Clockwork API (C-66, C-74 to C-78). */
export const CLOCKWORK_SCHEMAS: Readonly<Record<string, Json>> = {
  Job: exactly(
    {
      slurm: JOB_SLURM,
      cw: exactly({
        mila_email_username: orNull("string"),
        mila_cluster_username: orNull("string"),
        cc_account_username: orNull("string"),
        last_slurm_update: INTEGER,
      }),
      user: { type: "object", description: "What the job's owner has written to it." },
      job_user_props: { type: "object", description: "What the caller has noted on it; only with `want_user_props`." },
    },
    ["job_user_props"],
  ),
  Node: exactly({
    slurm: NODE_SLURM,
    cw: exactly({
      gpu: { type: "object", properties: { cw_name: TEXT, name: TEXT, number: INTEGER } },
      last_slurm_update: INTEGER,
    }),
  }),
  GpuSpec: exactly(
    {
      ...{ name: TEXT, vendor: TEXT, ram: { type: "number", description: "GB" } },
      ...{ cuda_cores: INTEGER, tensor_cores: INTEGER, tflops_fp32: { type: "number" } },
    },
    ["tensor_cores"],
  ),
  Key: exactly({ id: TEXT, created: { ...INTEGER, description: "Unix seconds." } }),
  NewKey: exactly({ id: TEXT, created: INTEGER, clockwork_api_key: TEXT, mila_email_username: TEXT }),
  Error: { type: "string", description: "Every error is one JSON string that says what is wrong." },
};
