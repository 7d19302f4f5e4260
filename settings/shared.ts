import { statSync } from "node:fs";
import { bucketValue } from "./bucket-setting.ts";
import {
  choiceValue,
  filePathValue,
  integerValue,
  listValue,
  pathValue,
  type Setting,
  SettingProblem,
  textValue,
} from "./settings.ts";
import { storeValue } from "./store-setting.ts";

/** How each part reaches the API server. */
export const CLUSTER_SETTINGS = {
  kubeconfig: {
    flag: "kubeconfig",
    env: "KUBECONFIG",
    help: "Kubeconfig file; without one, the service account of the pod.",
    parse: textValue,
  },
  context: {
    flag: "context",
    env: "ODIN_CONTEXT",
    help: "Context of the kubeconfig; without it, the current one.",
    parse: textValue,
  },
} as const;

/** Where the operator's lease is: the operator holds it, the API tells whether it does. */
export const LEASE_SETTINGS = {
  leaseNamespace: {
    flag: "lease-namespace",
    env: "ODIN_LEASE_NAMESPACE",
    help: "Namespace of the operator's lease. Without it, the namespace of the context or the pod.",
    parse: textValue,
  },
} as const;

/** What both parts must agree on about tasks. */
export const TASK_SETTINGS = {
  root: {
    flag: "fs-root",
    env: "ODIN_FS_ROOT",
    help: "Where tasks see the jobs.",
    fallback: "/data/pipelines",
    parse: pathValue,
  },
  data: {
    flag: "data-path",
    env: "ODIN_DATA_PATH",
    help: "Where runs write.",
    fallback: "/data/odin",
    parse: pathValue,
  },
  volume: {
    flag: "volume",
    env: "ODIN_VOLUME",
    help: "Where the volume of `--volume-claim` is mounted: in tasks, in the operator and in the API.",
    fallback: "/data",
    parse: pathValue,
  },
  volumeClaim: {
    flag: "volume-claim",
    env: "ODIN_VOLUME_CLAIM",
    help: "ReadWriteMany claim that all tasks get, with the jobs and the runs on it. Without it, tasks get the files of their job from a snapshot.",
    parse: claimValue,
  },
  taskUser: {
    flag: "task-user",
    env: "ODIN_TASK_USER",
    help: "Keeps tasks within the `restricted` Pod Security profile: none runs as root or gets privileges, and one whose `securityContext` names no user runs as this one, with volumes of this group. Left out: as the image says, root included.",
    parse: integerValue(1, 2_147_483_647),
  },
  pullSecrets: {
    flag: "pull-secrets",
    env: "ODIN_PULL_SECRETS",
    help: "Secrets for pulling images, given to every pod.",
    fallback: "registry",
    parse: listValue,
  },
  taskSecrets: {
    flag: "task-secrets",
    env: "ODIN_TASK_SECRETS",
    help: "Secrets that tasks may mount without a label.",
    fallback: "odin-cred,ssh-key",
    parse: listValue,
  },
} as const;

/** Where what must outlive the objects in the cluster is kept. */
export const STORE_SETTINGS = {
  store: {
    flag: "store",
    env: "ODIN_STORE",
    help: "What keeps the logs of ended tasks and the ended runs: a file, or a PostgreSQL database, `postgres://user@host:5432/database` with `sslmode` and `sslrootcert` as parameters. The operator and the API of one installation share it. `none`: nothing is kept.",
    fallback: "/var/lib/odin/store.db",
    parse: storeValue,
  },
  storePasswordFile: {
    flag: "store-password-file",
    env: "ODIN_STORE_PASSWORD_FILE",
    help: "File with the password for the PostgreSQL database; read for each new connection, so that it can be changed.",
    parse: filePathValue,
  },
  logStore: {
    flag: "log-store",
    env: "ODIN_LOG_STORE",
    help: "Bucket of an S3-compatible server for the texts of logs, `s3://bucket/prefix` with `endpoint` and `region` as parameters; the store keeps the rest. Without it, the store keeps them.",
    parse: bucketValue,
  },
  logStoreKeyId: {
    flag: "log-store-key-id",
    env: "ODIN_LOG_STORE_KEY_ID",
    help: "Id of the access key to the bucket.",
    parse: textValue,
  },
  logStoreKey: {
    env: "ODIN_LOG_STORE_KEY",
    help: "The access key to the bucket.",
    secret: true,
    parse: textValue,
  },
  logStoreKeyFile: {
    flag: "log-store-key-file",
    env: "ODIN_LOG_STORE_KEY_FILE",
    help: "File with the access key to the bucket, instead; read for each request, so that it can be changed.",
    parse: filePathValue,
  },
} as const;

/** What is logged. */
export const LOG_SETTINGS = {
  logLevel: {
    flag: "log-level",
    env: "ODIN_LOG_LEVEL",
    help: "What is logged.",
    fallback: "info",
    parse: choiceValue(["debug", "info", "warn", "error", "silent"]),
  },
  logFormat: {
    flag: "log-format",
    env: "ODIN_LOG_FORMAT",
    help: "How it is logged: `json`, an object a line; `text`, for people; `auto`: text where standard output is a terminal.",
    fallback: "auto",
    parse: choiceValue(["auto", "json", "text"]),
  },
} as const satisfies Record<string, Setting<string>>;

/** The name of a PersistentVolumeClaim. */
function claimValue(text: string): string {
  if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(text)) throw new SettingProblem("must be the name of a claim");
  return text;
}

/** The volume that everyone shares (O-107): its claim, and where it is mounted. */
export interface SharedVolumeSetting {
  claim: string;
  path: string;
}

/**
 * The shared volume, if the settings name one. Throws `SettingProblem` where jobs or runs would not lie on it, or where it is not mounted in this
 * process.
 */
export function sharedVolumeOf(settings: {
  root: string;
  data: string;
  volume: string;
  volumeClaim: string | undefined;
}): SharedVolumeSetting | undefined {
  const { root, data, volume, volumeClaim: claim } = settings;
  if (claim === undefined) return undefined;
  for (const [name, path] of [
    ["--fs-root (ODIN_FS_ROOT)", root],
    ["--data-path (ODIN_DATA_PATH)", data],
  ] as const) {
    if (!path.startsWith(`${volume.replace(/\/$/, "")}/`))
      throw new SettingProblem(
        `${name} ${path}: must lie below --volume (ODIN_VOLUME) ${volume}, where the shared volume is`,
      );
  }
  if (statSync(volume, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new SettingProblem(
      `--volume (ODIN_VOLUME) ${volume}: is not a directory here; mount claim ${claim} there, or leave --volume-claim out`,
    );
  return { claim, path: volume };
}
