import { parseArgs } from "node:util";
import { DEFAULT_PATHS, type Paths } from "../crds/run-paths.ts";
import { PUBLIC_READS, type PublicReads } from "./auth/access.ts";
import { MAX_PASSWORD_BYTES, MIN_PASSWORD_BYTES, passwordProblem } from "./auth/password.ts";
import type { RootUser } from "./auth/root-user.ts";
import { TOKEN_ALGORITHMS, type TokenSettings } from "./auth/tokens.ts";
import { isUserName } from "./auth/user.ts";
import { isObjectName } from "./odin/ids.ts";

/** Everything the facade is told from outside, checked (O-270). */
export interface Settings {
  listen: { host: string; port: number };
  /** Files with certificate and key; absent: plain HTTP. */
  tls?: { certFile: string; keyFile: string };
  publicReads: PublicReads;
  tokens: TokenSettings;
  root?: RootUser;
  paths: Paths;
  taskSecrets: readonly string[];
  /** Absent: the namespace of the kubeconfig's context or of the pod. */
  namespace?: string;
  /** Absent: the usual search (in-cluster, ~/.kube/config). */
  kubeconfig?: string;
  logLevel: string;
}

/** A setting that is missing or wrong: its message is one line for the user, and the process should end with `exitCode`. */
export class SettingsError extends Error {
  readonly exitCode = 2;
}

interface Setting {
  env: string;
  /** Name of the flag; secrets have none, because command lines are visible to others. */
  flag?: string;
  value?: string;
  default?: string;
  help: string;
}

/** The settings in the order in which `--help` shows them. A flag wins over the environment. */
const SETTINGS = {
  listen: {
    env: "ODIN_LISTEN",
    flag: "listen",
    value: "HOST:PORT",
    default: "0.0.0.0:9003",
    help: "address to listen on; port 0 takes a free one",
  },
  tlsCert: {
    env: "ODIN_TLS_CERT",
    flag: "tls-cert",
    value: "FILE",
    help: "certificate chain in PEM; with a key, HTTPS is served",
  },
  tlsKey: { env: "ODIN_TLS_KEY", flag: "tls-key", value: "FILE", help: "private key of the certificate in PEM" },
  kubeconfig: {
    env: "KUBECONFIG",
    flag: "kubeconfig",
    value: "FILE",
    help: "how to reach the cluster; else in-cluster, else ~/.kube/config",
  },
  namespace: {
    env: "ODIN_NAMESPACE",
    flag: "namespace",
    value: "NAME",
    help: "namespace of jobs, pipelines and users; else the context's",
  },
  publicReads: {
    env: "ODIN_PUBLIC_READS",
    flag: "public-reads",
    value: "none|status|all",
    default: "all",
    help: "what can be read without a credential",
  },
  secret: { env: "ODIN_SECRET", help: "key that signs tokens, at least 32 bytes; required" },
  previousSecret: { env: "ODIN_SECRET_PREVIOUS", help: "key before the last rotation; its tokens are still accepted" },
  algorithm: {
    env: "ODIN_AUTH_ALG",
    flag: "auth-alg",
    value: TOKEN_ALGORITHMS.join("|"),
    default: "HS256",
    help: "algorithm of tokens",
  },
  issuer: {
    env: "ODIN_AUTH_ISSUER",
    flag: "auth-issuer",
    value: "TEXT",
    default: "com.interactions",
    help: "issuer of tokens",
  },
  duration: {
    env: "ODIN_TOKEN_DURATION",
    flag: "token-duration",
    value: "SECONDS",
    default: "43200",
    help: "how long a token is good",
  },
  rootUser: { env: "ODIN_ROOT_USER", flag: "root-user", value: "NAME", help: "administrator, created at start" },
  rootPassword: {
    env: "ODIN_ROOT_PASS",
    help: `the administrator's password, ${MIN_PASSWORD_BYTES} to ${MAX_PASSWORD_BYTES} bytes`,
  },
  root: {
    env: "ODIN_FS_ROOT",
    flag: "fs-root",
    value: "PATH",
    default: DEFAULT_PATHS.root,
    help: "where tasks see the jobs",
  },
  data: {
    env: "ODIN_DATA_PATH",
    flag: "data-path",
    value: "PATH",
    default: DEFAULT_PATHS.data,
    help: "where runs write",
  },
  taskSecrets: {
    env: "ODIN_TASK_SECRETS",
    flag: "task-secrets",
    value: "NAMES",
    default: "odin-cred,ssh-key",
    help: "Secrets that tasks may mount without a label, joined by commas",
  },
  logLevel: {
    env: "ODIN_LOG_LEVEL",
    flag: "log-level",
    value: "LEVEL",
    default: "info",
    help: "debug, info, warn or error",
  },
} as const satisfies Record<string, Setting>;

type SettingName = keyof typeof SETTINGS;

const MIN_SECRET_BYTES = 32;
const MAX_DURATION = 366 * 24 * 3600;
const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** The text of `--help`. */
export function settingsHelp(): string {
  const rows = Object.values(SETTINGS as Record<string, Setting>).map((setting) => {
    const flag = setting.flag === undefined ? "" : `--${setting.flag} ${setting.value}`;
    const ending = setting.default === undefined ? "" : ` (${setting.default})`;
    return [flag, setting.env, setting.help + ending] as const;
  });
  const width = (column: 0 | 1): number => Math.max(...rows.map((row) => row[column].length));
  const lines = rows.map(([flag, env, help]) => `  ${flag.padEnd(width(0))}  ${env.padEnd(width(1))}  ${help}`);
  return [
    "Usage: odin api [flags]",
    "",
    "Serves the REST API. Each setting is a flag or an environment variable:",
    "",
    ...lines,
    "",
  ].join("\n");
}

/** Reads and checks all settings; throws a `SettingsError` that names the first wrong one. `help` asks for `settingsHelp()`. */
export function readSettings(argv: readonly string[], env: Readonly<NodeJS.ProcessEnv>): Settings | "help" {
  const flags = readFlags(argv);
  if (flags.help === true) return "help";
  const text = (name: SettingName): string | undefined => {
    const setting: Setting = SETTINGS[name];
    const flag = setting.flag === undefined ? undefined : flags[setting.flag];
    const value = typeof flag === "string" ? flag : env[setting.env];
    return value === undefined || value === "" ? setting.default : value;
  };
  const tls = readTls(text("tlsCert"), text("tlsKey"));
  const root = readRoot(text("rootUser"), text("rootPassword"));
  const namespace = text("namespace");
  if (namespace !== undefined && (!isObjectName(namespace) || namespace.length > 63 || namespace.includes("."))) {
    throw wrong("namespace", namespace, "a name of a namespace");
  }
  const kubeconfig = text("kubeconfig");
  return {
    listen: readListen(text("listen") ?? ""),
    ...(tls === undefined ? {} : { tls }),
    publicReads: oneOf("publicReads", text("publicReads"), PUBLIC_READS),
    tokens: readTokens(text),
    ...(root === undefined ? {} : { root }),
    paths: { root: absolutePath("root", text("root")), data: absolutePath("data", text("data")) },
    taskSecrets: (text("taskSecrets") ?? "")
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== ""),
    ...(namespace === undefined ? {} : { namespace }),
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    logLevel: oneOf("logLevel", text("logLevel"), LOG_LEVELS),
  };
}

function readFlags(argv: readonly string[]): Record<string, string | boolean | undefined> {
  const options: Record<string, { type: "string" | "boolean"; short?: string }> = {
    help: { type: "boolean", short: "h" },
  };
  for (const { flag } of Object.values(SETTINGS as Record<string, Setting>)) {
    if (flag !== undefined) options[flag] = { type: "string" };
  }
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: false }).values as Record<string, string | boolean>;
  } catch (error) {
    const [line] = String((error as Error).message).split("\n");
    throw new SettingsError(`${line}; see odin api --help`);
  }
}

/** How a setting is called in a message: by flag and by variable, since either may be the wrong one. */
function label(name: SettingName): string {
  const { flag, env }: Setting = SETTINGS[name];
  return flag === undefined ? env : `--${flag} (${env})`;
}

function wrong(name: SettingName, value: string, expected: string): SettingsError {
  return new SettingsError(`${label(name)} must be ${expected}, not ${JSON.stringify(value.slice(0, 100))}`);
}

function oneOf<T extends string>(name: SettingName, value: string | undefined, known: readonly T[]): T {
  const found = known.find((candidate) => candidate === value);
  if (found === undefined) throw wrong(name, value ?? "", `one of ${known.join(", ")}`);
  return found;
}

function readListen(value: string): Settings["listen"] {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(value);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || !(port <= 65535))
    throw wrong("listen", value, "HOST:PORT, such as 0.0.0.0:9003 or [::]:9003");
  return { host, port };
}

function readTls(certFile: string | undefined, keyFile: string | undefined): Settings["tls"] {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined) {
    throw new SettingsError(
      `${label("tlsCert")} and ${label("tlsKey")} go together; set both, or neither for plain HTTP`,
    );
  }
  return { certFile, keyFile };
}

function readRoot(username: string | undefined, password: string | undefined): RootUser | undefined {
  if (username === undefined && password === undefined) return undefined;
  if (username === undefined || password === undefined) {
    throw new SettingsError(`${label("rootUser")} and ${label("rootPassword")} go together; set both or neither`);
  }
  if (!isUserName(username)) {
    throw wrong("rootUser", username, "1 to 64 letters, digits, . _ @ and -, beginning with a letter or digit");
  }
  const problem = passwordProblem(password);
  if (problem !== undefined) throw new SettingsError(`${label("rootPassword")}: ${problem}`);
  return { username, password };
}

function readTokens(text: (name: SettingName) => string | undefined): TokenSettings {
  const secret = text("secret");
  if (secret === undefined) {
    throw new SettingsError(
      `${label("secret")} is required: at least ${MIN_SECRET_BYTES} random bytes, for example from: openssl rand -base64 48`,
    );
  }
  const previousSecret = text("previousSecret");
  for (const [name, value] of [
    ["secret", secret],
    ["previousSecret", previousSecret],
  ] as const) {
    if (value !== undefined && Buffer.byteLength(value) < MIN_SECRET_BYTES) {
      throw new SettingsError(
        `${label(name)} must have at least ${MIN_SECRET_BYTES} bytes, not ${Buffer.byteLength(value)}`,
      );
    }
  }
  const duration = text("duration") ?? "";
  const durationSeconds = /^\d{1,9}$/.test(duration) ? Number(duration) : Number.NaN;
  if (!(durationSeconds >= 1 && durationSeconds <= MAX_DURATION)) {
    throw wrong("duration", duration, `a whole number of seconds from 1 to ${MAX_DURATION}`);
  }
  return {
    algorithm: oneOf("algorithm", text("algorithm"), TOKEN_ALGORITHMS),
    issuer: text("issuer") ?? "",
    durationSeconds,
    secret,
    ...(previousSecret === undefined ? {} : { previousSecret }),
  };
}

function absolutePath(name: SettingName, value: string | undefined): string {
  if (value === undefined || !/^\/[^\0:]*$/.test(value) || value.split("/").includes("..")) {
    throw wrong(name, value ?? "", "an absolute path");
  }
  return value.length > 1 ? value.replace(/\/+$/, "") : value;
}
