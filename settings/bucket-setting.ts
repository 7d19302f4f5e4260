import { SettingProblem } from "./settings.ts";

/** A place in a bucket of an S3-compatible server. */
export interface BucketSetting {
  /** Origin of the server, without a slash at the end. */
  endpoint: string;
  region: string;
  bucket: string;
  /** What keys begin with: empty, or ending in a slash. */
  prefix: string;
}

/** The bucket with the keys to it; the secret one is given, or lies in a file. */
export interface BucketAccess extends BucketSetting {
  keyId: string;
  key?: string;
  keyFile?: string;
}

const FORM = "must be a URL like s3://bucket/prefix?endpoint=https://host:9000&region=eu-west-1";
const PARAMETERS = new Set(["endpoint", "region"]);
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const PREFIX = /^[A-Za-z0-9._/-]*$/;

/** `s3://bucket/prefix?endpoint=…&region=…`. */
export function bucketValue(text: string): BucketSetting {
  if (!text.startsWith("s3://") || !URL.canParse(text)) throw new SettingProblem(FORM);
  const url = new URL(text);
  if (url.username !== "" || url.password !== "")
    throw new SettingProblem("must not hold keys; they have settings of their own, which are not shown to others");
  for (const name of url.searchParams.keys()) {
    if (!PARAMETERS.has(name)) throw new SettingProblem(`knows no parameter ${name}; there are endpoint and region`);
  }
  const region = url.searchParams.get("region") ?? "us-east-1";
  const bucket = url.host;
  const path = url.pathname.replace(/^\/+|\/+$/g, "");
  if (!BUCKET.test(bucket) || !PREFIX.test(path) || path.split("/").includes("..") || !/^[a-z0-9-]{1,40}$/.test(region))
    throw new SettingProblem(FORM);
  const endpoint = endpointOf(url.searchParams.get("endpoint") ?? `https://s3.${region}.amazonaws.com`);
  return { endpoint, region, bucket, prefix: path === "" ? "" : `${path}/` };
}

function endpointOf(text: string): string {
  const origin = URL.canParse(text) ? new URL(text).origin : "null";
  if (!/^https?:/.test(origin) || text.replace(/\/$/, "") !== origin)
    throw new SettingProblem(`has an endpoint ${JSON.stringify(text)} that is no origin like https://host:9000`);
  return origin;
}

/** The bucket of the settings with the keys to it; throws `SettingProblem` where they do not go together. */
export function bucketOf({
  logStore,
  logStoreKeyId: keyId,
  logStoreKey: key,
  logStoreKeyFile: keyFile,
}: {
  logStore: BucketSetting | undefined;
  logStoreKeyId: string | undefined;
  logStoreKey: string | undefined;
  logStoreKeyFile: string | undefined;
}): BucketAccess | undefined {
  if (logStore === undefined) return undefined;
  if (keyId === undefined || (key === undefined) === (keyFile === undefined)) {
    throw new SettingProblem(
      "--log-store (ODIN_LOG_STORE) needs --log-store-key-id (ODIN_LOG_STORE_KEY_ID) and one of ODIN_LOG_STORE_KEY and --log-store-key-file (ODIN_LOG_STORE_KEY_FILE)",
    );
  }
  return { ...logStore, keyId, ...(key === undefined ? {} : { key }), ...(keyFile === undefined ? {} : { keyFile }) };
}
