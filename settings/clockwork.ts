import {
  booleanValue,
  choiceValue,
  filePathValue,
  integerValue,
  listValue,
  type Setting,
  SettingProblem,
} from "./settings.ts";

/** Who sees which jobs (C-17). */
export const VISIBILITIES = ["own", "all"] as const;

/** The cluster's name in Clockwork, which both parts know (C-95). */
const CLUSTER = {
  flag: "clockwork-cluster",
  env: "CLOCKWORK_CLUSTER",
  help: "Name of this cluster in the Clockwork API, for jobs and nodes that no label `odin.io/cluster` puts elsewhere.",
  fallback: "kubernetes",
  parse: clusterValue,
} as const;

/** Settings of the Clockwork API (C-95). */
export const CLOCKWORK_SETTINGS = {
  clockworkCluster: CLUSTER,
  clockworkVisibility: {
    flag: "clockwork-visibility",
    env: "CLOCKWORK_VISIBILITY",
    help: "Which jobs the Clockwork API shows to a user who is no administrator: `own`, or `all`.",
    fallback: "own",
    parse: choiceValue(VISIBILITIES),
  },
  clockworkNamespaces: {
    flag: "clockwork-namespaces",
    env: "CLOCKWORK_NAMESPACES",
    help: "Namespaces whose pods are jobs of the Clockwork API, separated by commas; `*`: all but `kube-system`, `kube-public` and `kube-node-lease`.",
    fallback: "*",
    parse: namespacesValue,
  },
  clockworkPageSize: {
    flag: "clockwork-page-size",
    env: "CLOCKWORK_PAGE_SIZE",
    help: "Jobs on a page of the Clockwork API, where neither the request nor the user says.",
    fallback: "25",
    parse: integerValue(1, 1_000_000),
  },
  clockworkRetentionDays: {
    flag: "clockwork-retention-days",
    env: "CLOCKWORK_RETENTION_DAYS",
    help: "Days for which the Clockwork API shows a job after its end; 0: for ever.",
    fallback: "180",
    parse: integerValue(0, 36_500),
  },
  clockworkPropsQuotaMib: {
    flag: "clockwork-props-quota-mib",
    env: "CLOCKWORK_PROPS_QUOTA_MIB",
    help: "Most MiB that the properties take up which one user has stored on jobs.",
    fallback: "256",
    parse: integerValue(1, 1_000_000),
  },
  clockworkGpuSpecs: {
    flag: "clockwork-gpu-specs",
    env: "CLOCKWORK_GPU_SPECS",
    help: "File in JSON with the specifications of GPUs, in place of the built-in table.",
    parse: filePathValue,
  },
  timeZone: {
    flag: "tz",
    env: "TZ",
    help: "Time zone in which the Clockwork API prints times where it is asked for ISO 8601.",
    fallback: "UTC",
    parse: timeZoneValue,
  },
} as const satisfies Record<string, Setting<unknown>>;

/** What the operator tells the tasks' processes of the Clockwork API (C-79). */
export const CLOCKWORK_TASK_SETTINGS = {
  clockworkPodEnv: {
    flag: "clockwork-pod-env",
    env: "CLOCKWORK_POD_ENV",
    help: "Tell tasks their job and their user in the Clockwork API, by SLURM_JOBID and CLOCKWORK_EMAIL in their environment.",
    fallback: "true",
    parse: booleanValue,
  },
} as const satisfies Record<string, Setting<unknown>>;

/** A cluster's name. It may stand in a list, so it has no comma and no blank. */
function clusterValue(text: string): string {
  if (!/^[0-9A-Za-z]([0-9A-Za-z._-]{0,61}[0-9A-Za-z])?$/.test(text))
    throw new SettingProblem("must be 1 to 63 letters, digits, . _ and -, beginning and ending with a letter or digit");
  return text;
}

/** Namespaces; undefined stands for all of them. */
function namespacesValue(text: string): readonly string[] | undefined {
  const names = [...new Set(listValue(text))];
  if (names.length === 1 && names[0] === "*") return undefined;
  if (names.length === 0 || !names.every((name) => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)))
    throw new SettingProblem("must be names of namespaces, separated by commas, or *");
  return names;
}

function timeZoneValue(text: string): string {
  try {
    new Intl.DateTimeFormat("en", { timeZone: text });
    return text;
  } catch {
    throw new SettingProblem("must be the name of a time zone, like Europe/Berlin");
  }
}
