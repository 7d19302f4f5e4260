import type { Paths } from "../crds/run-paths.ts";
import { CLOCKWORK_SETTINGS } from "../settings/clockwork.ts";
import {
  addressValue,
  choiceValue,
  integerValue,
  listValue,
  readSettings,
  SettingProblem,
  textValue,
  type Values,
} from "../settings/settings.ts";
import {
  CLUSTER_SETTINGS,
  LEASE_SETTINGS,
  LOG_SETTINGS,
  type SharedVolumeSetting,
  STORE_SETTINGS,
  sharedVolumeOf,
  TASK_SETTINGS,
} from "../settings/shared.ts";
import { type StoreSettings, storeOf } from "../settings/store-setting.ts";
import { PUBLIC_READS, type PublicReads } from "./auth/access.ts";
import { passwordProblem } from "./auth/password.ts";
import type { RootUser } from "./auth/root-user.ts";
import { TOKEN_ALGORITHMS, type TokenSettings } from "./auth/tokens.ts";
import { isUserName } from "./auth/user.ts";
import { USER_POLICIES, type UserRights } from "./auth/user-rights.ts";
import { type ClockworkSettings, clockworkSettings } from "./clockwork/clockwork-settings.ts";
import { GIT_SETTINGS, type GitSettings, gitSettings } from "./git/git-settings.ts";
import { GPU_SETTINGS, type GpuSettings, gpuSettings } from "./gpu/gpu-settings.ts";
import { MLBENCH_SETTINGS, type MlbenchSettings, mlbenchSettings } from "./mlbench/mlbench-settings.ts";
import { VESTA_SETTINGS } from "./vesta/settings/options.ts";
import { type VestaSettings, vestaSettings } from "./vesta/settings/vesta-settings.ts";

const MIN_SECRET_BYTES = 32;
const MAX_TOKEN_SECONDS = 366 * 24 * 3600;

/** Settings of the REST facade (O-270), in the order in which `--help` shows them. */
export const API_SETTINGS = {
  listen: {
    flag: "listen",
    env: "ODIN_LISTEN",
    help: "Address to listen on.",
    fallback: "0.0.0.0:9003",
    parse: addressValue,
  },
  tlsCert: {
    flag: "tls-cert",
    env: "ODIN_TLS_CERT",
    help: "File with the certificate chain in PEM; with a key, HTTPS is served. A renewed one is taken up without a restart.",
    parse: textValue,
  },
  tlsKey: {
    flag: "tls-key",
    env: "ODIN_TLS_KEY",
    help: "File with the certificate's private key in PEM.",
    parse: textValue,
  },
  ...CLUSTER_SETTINGS,
  namespace: {
    flag: "namespace",
    env: "ODIN_NAMESPACE",
    help: "Namespace of jobs, pipelines and users. Without it, the context's or the pod's own.",
    parse: namespaceValue,
  },
  publicReads: {
    flag: "public-reads",
    env: "ODIN_PUBLIC_READS",
    help: "What can be read without a credential: none, status (pipelines, events and nodes), all.",
    fallback: "all",
    parse: choiceValue(PUBLIC_READS),
  },
  secret: {
    env: "ODIN_SECRET",
    help: `Key that signs tokens, at least ${MIN_SECRET_BYTES} bytes, for example from: openssl rand -base64 48.`,
    required: true,
    secret: true,
    parse: secretValue,
  },
  previousSecret: {
    env: "ODIN_SECRET_PREVIOUS",
    help: "Key before the last rotation; tokens signed with it are still accepted.",
    secret: true,
    parse: secretValue,
  },
  algorithm: {
    flag: "auth-alg",
    env: "ODIN_AUTH_ALG",
    help: "Algorithm of tokens.",
    fallback: "HS256",
    parse: choiceValue(TOKEN_ALGORITHMS),
  },
  issuer: {
    flag: "auth-issuer",
    env: "ODIN_AUTH_ISSUER",
    help: "Issuer of tokens.",
    fallback: "com.interactions",
    parse: textValue,
  },
  durationSeconds: {
    flag: "token-duration",
    env: "ODIN_TOKEN_DURATION",
    help: "How long a token is good, in seconds.",
    fallback: "43200",
    parse: integerValue(1, MAX_TOKEN_SECONDS),
  },
  rootUser: {
    flag: "root-user",
    env: "ODIN_ROOT_USER",
    help: "Administrator, created at start.",
    parse: userNameValue,
  },
  rootPassword: {
    env: "ODIN_ROOT_PASS",
    help: "The administrator's password.",
    secret: true,
    parse: passwordValue,
  },
  userPolicy: {
    flag: "user-policy",
    env: "ODIN_USER_POLICY",
    help: "Who may create, change and delete users: admins, or any user.",
    fallback: "admins",
    parse: choiceValue(USER_POLICIES),
  },
  admins: {
    flag: "admins",
    env: "ODIN_ADMINS",
    help: "Users who may manage users besides the root user, separated by commas.",
    fallback: "",
    parse: userNamesValue,
  },
  corsOrigins: {
    flag: "cors-origins",
    env: "ODIN_CORS_ORIGINS",
    help: "Origins of web pages that may call the API, like https://ui.example.org, separated by commas; none: CORS is off.",
    fallback: "",
    parse: originsValue,
  },
  ...LEASE_SETTINGS,
  ...TASK_SETTINGS,
  ...GPU_SETTINGS,
  ...GIT_SETTINGS,
  image: {
    flag: "image",
    env: "ODIN_IMAGE",
    help: "Image of this program, for the short-lived pods that remove what a run wrote to its claims (DELETE with fs).",
    parse: textValue,
  },
  ...CLOCKWORK_SETTINGS,
  ...MLBENCH_SETTINGS,
  ...VESTA_SETTINGS,
  ...STORE_SETTINGS,
  ...LOG_SETTINGS,
} as const;

/** The settings in the form in which the parts of the facade take them. */
export interface ApiSettings {
  listen: { host: string; port: number };
  /** Files with certificate and key; absent: plain HTTP. */
  tls?: { certFile: string; keyFile: string };
  cluster: { kubeconfig: string | undefined; context: string | undefined };
  /** Absent: that of the context or the pod. */
  namespace?: string;
  /** Absent: as `namespace`. */
  leaseNamespace?: string;
  publicReads: PublicReads;
  tokens: TokenSettings;
  root?: RootUser;
  userRights: UserRights;
  corsOrigins: readonly string[];
  paths: Paths;
  /** The volume that facade, operator and tasks share; absent in snapshot mode (O-107). */
  sharedVolume?: SharedVolumeSetting;
  git: GitSettings;
  /** Most bytes of an uploaded file (O-6). */
  maxUploadBytes: number;
  /** `ODIN_RENDER_PATH`: where tasks see the files of rendered jobs (O-153). */
  renderPath: string;
  /** Our own image, for the pods that remove what runs wrote. */
  image?: string;
  pullSecrets: readonly string[];
  /** See `TASK_SETTINGS`. */
  taskUser?: number;
  taskSecrets: readonly string[];
  gpus: GpuSettings;
  clockwork: ClockworkSettings;
  mlbench: MlbenchSettings;
  vesta: VestaSettings;
  /** Where the store is; absent: there is none. */
  store?: StoreSettings;
  logLevel: string;
  logFormat: "auto" | "json" | "text";
}

/** Reads and checks all settings; throws a `SettingProblem` that names the wrong one. */
export function readApiSettings(argv: readonly string[], env: NodeJS.ProcessEnv): ApiSettings {
  const values = readSettings(API_SETTINGS, argv, env);
  const { algorithm, issuer, durationSeconds, secret, previousSecret, namespace, leaseNamespace } = values;
  const tls = tlsFiles(values);
  const root = rootUser(values);
  const sharedVolume = sharedVolumeOf(values);
  const store = storeOf(values);
  return {
    listen: values.listen,
    ...(tls === undefined ? {} : { tls }),
    cluster: { kubeconfig: values.kubeconfig, context: values.context },
    ...(namespace === undefined ? {} : { namespace }),
    ...(leaseNamespace === undefined ? {} : { leaseNamespace }),
    publicReads: values.publicReads,
    tokens: { algorithm, issuer, durationSeconds, secret, ...(previousSecret === undefined ? {} : { previousSecret }) },
    ...(root === undefined ? {} : { root }),
    userRights: {
      policy: values.userPolicy,
      admins: new Set([...(root === undefined ? [] : [root.username]), ...values.admins]),
    },
    corsOrigins: values.corsOrigins,
    paths: { root: values.root, data: values.data },
    ...(sharedVolume === undefined ? {} : { sharedVolume }),
    git: gitSettings(values),
    maxUploadBytes: values.maxUpload,
    renderPath: values.renderPath ?? `${values.root}/rendered`,
    ...(values.image === undefined ? {} : { image: values.image }),
    pullSecrets: values.pullSecrets,
    ...(values.taskUser === undefined ? {} : { taskUser: values.taskUser }),
    taskSecrets: values.taskSecrets,
    gpus: gpuSettings(values),
    clockwork: clockworkSettings(values),
    mlbench: mlbenchSettings(values),
    vesta: vestaSettings(values),
    ...(store === undefined ? {} : { store }),
    logLevel: values.logLevel,
    logFormat: values.logFormat,
  };
}

type ApiValues = Values<typeof API_SETTINGS>;

function tlsFiles({ tlsCert, tlsKey }: ApiValues): ApiSettings["tls"] {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new SettingProblem(
      "--tls-cert (ODIN_TLS_CERT) and --tls-key (ODIN_TLS_KEY) go together: set both, or neither for plain HTTP",
    );
  }
  return { certFile: tlsCert, keyFile: tlsKey };
}

function rootUser({ rootUser: username, rootPassword: password }: ApiValues): RootUser | undefined {
  if (username === undefined && password === undefined) return undefined;
  if (username === undefined || password === undefined) {
    throw new SettingProblem("--root-user (ODIN_ROOT_USER) and ODIN_ROOT_PASS go together: set both or neither");
  }
  return { username, password };
}

function secretValue(text: string): string {
  const bytes = Buffer.byteLength(text);
  if (bytes < MIN_SECRET_BYTES) throw new SettingProblem(`must have at least ${MIN_SECRET_BYTES} bytes, not ${bytes}`);
  return text;
}

function passwordValue(text: string): string {
  const problem = passwordProblem(text);
  if (problem !== undefined) throw new SettingProblem(problem);
  return text;
}

function userNameValue(text: string): string {
  if (!isUserName(text)) {
    throw new SettingProblem("must be 1 to 64 letters, digits, . _ @ and -, beginning with a letter or digit");
  }
  return text;
}

function userNamesValue(text: string): string[] {
  return listValue(text).map(userNameValue);
}

/** Origins as browsers send them (RFC 6454): a scheme, a host, a port that is not the scheme's own, and nothing else. */
function originsValue(text: string): string[] {
  return listValue(text).map((entry) => {
    const origin = URL.canParse(entry) ? new URL(entry).origin : "null";
    if (origin === "null" || origin !== entry || !/^https?:/.test(origin)) {
      const hint = origin === "null" ? "" : `; did you mean ${origin}?`;
      throw new SettingProblem(`${JSON.stringify(entry)} is no origin like https://ui.example.org${hint}`);
    }
    return origin;
  });
}

/** The name of one namespace. */
export function namespaceValue(text: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text)) {
    throw new SettingProblem("must be the name of one namespace");
  }
  return text;
}
