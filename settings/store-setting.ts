import { readFileSync } from "node:fs";
import { type BucketAccess, bucketOf } from "./bucket-setting.ts";
import { filePathValue, SettingProblem } from "./settings.ts";

/** A database on a PostgreSQL server. */
export interface PostgresSetting {
  kind: "postgres";
  /** Name or address, or the directory of a Unix socket. */
  host: string;
  port: number;
  user: string;
  database: string;
  /** From the URL; left out: that of the password file, or none. */
  password?: string;
  /** Encrypted, with the server's certificate and name checked; `ca`: PEM of the only authorities that count. */
  tls?: { ca?: string };
}

/** Where the store is: in a file, or on a server. */
export type StoreSetting = { kind: "file"; path: string } | PostgresSetting;

const FORM = "must be the absolute path of a file, none, or a URL like postgres://user@host:5432/database";
const PARAMETERS = new Set(["sslmode", "sslrootcert", "host"]);

/** `none`, the path of a file, or the URL of a PostgreSQL database. */
export function storeValue(text: string): StoreSetting | undefined {
  if (text === "none") return undefined;
  if (text.startsWith("/")) return { kind: "file", path: filePathValue(text) };
  if (!/^postgres(ql)?:\/\//.test(text) || !URL.canParse(text)) throw new SettingProblem(FORM);
  const url = new URL(text);
  for (const name of url.searchParams.keys()) {
    if (!PARAMETERS.has(name))
      throw new SettingProblem(`knows no parameter ${name}; there are sslmode, sslrootcert and host`);
  }
  const host = decoded(url.searchParams.get("host") ?? "") || decoded(url.hostname.replace(/^\[(.*)\]$/, "$1"));
  const database = decoded(url.pathname.slice(1));
  const user = decoded(url.username);
  if (host === "" || database === "" || user === "" || database.includes("/")) throw new SettingProblem(FORM);
  const password = decoded(url.password);
  const tls = tlsOf(host, url.searchParams);
  return {
    kind: "postgres",
    host,
    port: url.port === "" ? 5432 : Number(url.port),
    user,
    database,
    ...(password === "" ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new SettingProblem("has a % that begins no escape; a % itself is written %25");
  }
}

/** Encrypted and checked, unless it is said that it is not to be, or it does not leave the machine. */
function tlsOf(host: string, parameters: URLSearchParams): PostgresSetting["tls"] {
  const mode = parameters.get("sslmode") ?? (isLocal(host) ? "disable" : "verify-full");
  const file = parameters.get("sslrootcert");
  if (mode === "disable") {
    if (file !== null) throw new SettingProblem("has sslrootcert, which means nothing with sslmode=disable");
    return undefined;
  }
  if (mode !== "verify-full")
    throw new SettingProblem("must have sslmode=verify-full, which proves who the server is, or sslmode=disable");
  return file === null ? {} : { ca: authorities(file) };
}

function authorities(file: string): string {
  try {
    const text = readFileSync(file, "utf8");
    if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  } catch (error) {
    throw new SettingProblem(`cannot read sslrootcert ${file} (${(error as NodeJS.ErrnoException).code ?? "error"})`);
  }
  throw new SettingProblem(`has an sslrootcert ${file} without a certificate in PEM`);
}

function isLocal(host: string): boolean {
  return host.startsWith("/") || host === "localhost" || host === "::1" || /^127\./.test(host);
}

/** The store with what goes with it. */
export type StoreSettings = StoreSetting & { passwordFile?: string; logs?: BucketAccess };

/** The store of the settings with what goes with it, if there is one; throws `SettingProblem` for what does not go together. */
export function storeOf(
  values: Parameters<typeof bucketOf>[0] & {
    store: StoreSetting | undefined;
    storePasswordFile: string | undefined;
  },
): StoreSettings | undefined {
  const { store, storePasswordFile: passwordFile } = values;
  if (store === undefined) return undefined;
  const name = "--store-password-file (ODIN_STORE_PASSWORD_FILE)";
  if (passwordFile !== undefined && store.kind === "file")
    throw new SettingProblem(`${name}: a store in a file has no password`);
  if (passwordFile !== undefined && store.kind === "postgres" && store.password !== undefined)
    throw new SettingProblem(`${name}: --store (ODIN_STORE) has a password already`);
  const logs = bucketOf(values);
  return {
    ...store,
    ...(passwordFile === undefined ? {} : { passwordFile }),
    ...(logs === undefined ? {} : { logs }),
  };
}
