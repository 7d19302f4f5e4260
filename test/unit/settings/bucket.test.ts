import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readSettings, SettingProblem } from "../../../settings/settings.ts";
import { STORE_SETTINGS } from "../../../settings/shared.ts";
import { type StoreSettings, storeOf } from "../../../settings/store-setting.ts";

const test = suite("setting of the bucket");
const KEYS = { ODIN_LOG_STORE_KEY_ID: "id", ODIN_LOG_STORE_KEY: "very secret" };

const read = (env: NodeJS.ProcessEnv): StoreSettings | undefined => storeOf(readSettings(STORE_SETTINGS, [], env));
const bucket = (text: string, keys: NodeJS.ProcessEnv = KEYS): StoreSettings["logs"] =>
  read({ ODIN_LOG_STORE: text, ...keys })?.logs;
const problem = (text: string, keys: NodeJS.ProcessEnv = KEYS): string => {
  try {
    bucket(text, keys);
  } catch (error) {
    if (error instanceof SettingProblem) return error.message;
    throw error;
  }
  throw new Error(`${text} is taken`);
};

test("a bucket of a server, or of AWS in a region", () => {
  assert.equal(bucket("s3://logs/odin/prod?endpoint=https://minio:9000&region=eu"), {
    endpoint: "https://minio:9000",
    region: "eu",
    bucket: "logs",
    prefix: "odin/prod/",
    keyId: "id",
    key: "very secret",
  });
  const aws = bucket("s3://logs?region=eu-west-1");
  assert.equal([aws?.endpoint, aws?.prefix], ["https://s3.eu-west-1.amazonaws.com", ""]);
  const file = bucket("s3://logs", { ODIN_LOG_STORE_KEY_ID: "id", ODIN_LOG_STORE_KEY_FILE: "/etc/key" });
  assert.equal([file?.keyFile, file?.key], ["/etc/key", undefined]);
  assert.is(read({})?.logs, undefined);
  assert.is(read({ ODIN_STORE: "none", ODIN_LOG_STORE: "s3://logs", ...KEYS }), undefined);
});

test("what is no bucket is refused, and no key is shown", () => {
  for (const text of [
    "logs",
    "http://logs/x",
    "s3://",
    "s3://B_AD/x",
    "s3://ab/../c?endpoint=x",
    "s3://logs?region=EU!",
  ])
    assert.match(problem(text), /must be|no origin/, text);
  assert.match(problem("s3://logs?endpoint=https://h/path"), "no origin like");
  assert.match(problem("s3://logs?endpoint=ftp://h"), "no origin like");
  assert.match(problem("s3://logs?keys=x"), "no parameter keys");
  const keys = problem("s3://id:very-secret@logs");
  assert.match(keys, "must not hold keys");
  assert.not.match(keys, "very-secret");
  assert.match(problem("s3://logs", {}), "needs --log-store-key-id");
  assert.match(problem("s3://logs", { ...KEYS, ODIN_LOG_STORE_KEY_FILE: "/etc/key" }), "one of");
});

test.run();
