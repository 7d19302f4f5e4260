import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readSettings, type Settings, SettingsError, settingsHelp } from "../../../api/settings.ts";

const test = suite("api settings");
const secret = "s".repeat(32);

function read(argv: string[], env: Record<string, string> = { ODIN_SECRET: secret }): Settings {
  const settings = readSettings(argv, env);
  if (settings === "help") throw new Error("asked for help");
  return settings;
}

function complaint(argv: string[], env: Record<string, string>): string {
  try {
    read(argv, env);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    assert.is(error.exitCode, 2);
    assert.not.match(error.message, "\n");
    return error.message;
  }
  return "none";
}

test("O-270: defaults", () => {
  assert.equal(read([]), {
    listen: { host: "0.0.0.0", port: 9003 },
    publicReads: "all",
    tokens: { algorithm: "HS256", issuer: "com.interactions", durationSeconds: 43200, secret },
    paths: { root: "/data/pipelines", data: "/data/odin" },
    taskSecrets: ["odin-cred", "ssh-key"],
    logLevel: "info",
  });
});

test("a flag wins over the environment, an empty variable counts as absent", () => {
  const env = { ODIN_SECRET: secret, ODIN_LISTEN: "127.0.0.1:1", ODIN_NAMESPACE: "", KUBECONFIG: "/k" };
  const settings = read(["--listen", "[::1]:0", "--kubeconfig=/other"], env);
  assert.equal(settings.listen, { host: "::1", port: 0 });
  assert.is(settings.namespace, undefined);
  assert.is(settings.kubeconfig, "/other");
});

test("O-28: there is no start without a secret of 32 bytes", () => {
  assert.match(complaint([], {}), /^ODIN_SECRET is required/);
  assert.match(complaint([], { ODIN_SECRET: "short" }), /ODIN_SECRET must have at least 32 bytes, not 5/);
  assert.match(complaint([], { ODIN_SECRET: secret, ODIN_SECRET_PREVIOUS: "x" }), /ODIN_SECRET_PREVIOUS/);
});

test("O-270: a wrong value names its setting and what is expected, and no secret", () => {
  const cases: [Record<string, string>, RegExp][] = [
    [{ ODIN_LISTEN: "9003" }, /ODIN_LISTEN.*HOST:PORT/],
    [{ ODIN_LISTEN: "0.0.0.0:70000" }, /ODIN_LISTEN/],
    [{ ODIN_PUBLIC_READS: "some" }, /ODIN_PUBLIC_READS.*none, status, all/],
    [{ ODIN_AUTH_ALG: "none" }, /ODIN_AUTH_ALG.*HS256/],
    [{ ODIN_TOKEN_DURATION: "1h" }, /ODIN_TOKEN_DURATION/],
    [{ ODIN_TOKEN_DURATION: "0" }, /ODIN_TOKEN_DURATION/],
    [{ ODIN_ROOT_USER: "root" }, /ODIN_ROOT_PASS/],
    [{ ODIN_ROOT_PASS: "hunter22hunter" }, /ODIN_ROOT_USER/],
    [{ ODIN_ROOT_USER: "ro ot", ODIN_ROOT_PASS: "hunter22" }, /ODIN_ROOT_USER/],
    [{ ODIN_ROOT_USER: "root", ODIN_ROOT_PASS: "short" }, /ODIN_ROOT_PASS.*8 to 256/],
    [{ ODIN_FS_ROOT: "data" }, /ODIN_FS_ROOT.*absolute/],
    [{ ODIN_DATA_PATH: "/a/../b" }, /ODIN_DATA_PATH/],
    [{ ODIN_NAMESPACE: "../x" }, /ODIN_NAMESPACE/],
    [{ ODIN_TLS_CERT: "/c" }, /ODIN_TLS_KEY/],
    [{ ODIN_LOG_LEVEL: "loud" }, /ODIN_LOG_LEVEL/],
  ];
  for (const [env, expected] of cases) {
    const message = complaint([], { ODIN_SECRET: secret, ...env });
    assert.match(message, expected);
    assert.not.match(message, /hunter22|short/);
  }
});

test("unknown flags are refused, and secrets have no flag", () => {
  assert.match(complaint(["--nope"], { ODIN_SECRET: secret }), /--nope.*--help/);
  assert.match(complaint(["--secret", secret], {}), /--secret/);
});

test("--help lists every setting with its default", () => {
  assert.is(readSettings(["--help"], {}), "help");
  const help = settingsHelp();
  for (const name of ["ODIN_LISTEN", "ODIN_SECRET", "ODIN_SECRET_PREVIOUS", "ODIN_ROOT_PASS", "--listen", "com.interactions"]) {
    assert.match(help, name);
  }
});

test.run();
