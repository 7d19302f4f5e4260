import { suite } from "uvu";
import * as assert from "uvu/assert";
import { API_SETTINGS, type ApiSettings, readApiSettings } from "../../../api/settings.ts";
import { helpText, SettingProblem } from "../../../settings/settings.ts";

const test = suite("api settings");
const secret = "s".repeat(32);

function read(argv: string[], env: Record<string, string> = { ODIN_SECRET: secret }): ApiSettings {
  return readApiSettings(argv, env);
}

function complaint(argv: string[], env: Record<string, string>): string {
  try {
    read(argv, env);
  } catch (error) {
    if (!(error instanceof SettingProblem)) throw error;
    assert.not.match(error.message, "\n");
    return error.message;
  }
  return "none";
}

test("O-270: defaults", () => {
  // Those of MLBench and vesta have tests of their own.
  const { mlbench, vesta, ...settings } = read([]);
  assert.is(mlbench.namespace, "default");
  assert.is(vesta.termWidth, 80);
  assert.equal(settings, {
    listen: { host: "0.0.0.0", port: 9003 },
    cluster: { kubeconfig: undefined, context: undefined },
    publicReads: "all",
    tokens: { algorithm: "HS256", issuer: "com.interactions", durationSeconds: 43200, secret },
    userRights: { policy: "admins", admins: new Set() },
    corsOrigins: [],
    paths: { root: "/data/pipelines", data: "/data/odin" },
    git: {
      directory: "/data/pipelines",
      branch: "master",
      committer: { name: "odin", email: "odin@localhost" },
      syncMs: 15_000,
    },
    maxUploadBytes: 10 * 1024 * 1024,
    renderPath: "/data/pipelines/rendered",
    pullSecrets: ["registry"],
    taskSecrets: ["odin-cred", "ssh-key"],
    gpus: {
      via: "pods",
      selectors: ["app.kubernetes.io/name=dcgm-exporter", "app=nvidia-dcgm-exporter"],
      targets: [],
      scheme: "http",
      intervalMs: 15_000,
    },
    clockwork: {
      cluster: "kubernetes",
      visibility: "own",
      pageSize: 25,
      retentionDays: 180,
      propsQuotaMib: 256,
      timeZone: "UTC",
    },
    store: { kind: "file", path: "/var/lib/odin/store.db" },
    logLevel: "info",
    logFormat: "auto",
  });
});

test("a flag wins over the environment, an empty variable counts as absent", () => {
  const env = { ODIN_SECRET: secret, ODIN_LISTEN: "127.0.0.1:1", ODIN_NAMESPACE: "", KUBECONFIG: "/k" };
  const settings = read(["--listen", "[::1]:0", "--kubeconfig=/other"], env);
  assert.equal(settings.listen, { host: "::1", port: 0 });
  assert.is(settings.namespace, undefined);
  assert.is(settings.cluster.kubeconfig, "/other");
});

test("O-28: there is no start without a secret of 32 bytes", () => {
  assert.match(complaint([], {}), /ODIN_SECRET.*is needed/);
  assert.match(complaint([], { ODIN_SECRET: "short" }), /ODIN_SECRET.*at least 32 bytes, not 5/);
  assert.match(complaint([], { ODIN_SECRET: secret, ODIN_SECRET_PREVIOUS: "x" }), /ODIN_SECRET_PREVIOUS/);
});

test("O-270: a wrong value names its setting and what is expected, and no secret", () => {
  const cases: [Record<string, string>, RegExp][] = [
    [{ ODIN_STORE: "store.db" }, /ODIN_STORE.*absolute path/],
    [{ ODIN_STORE: "/var/lib/" }, /ODIN_STORE.*file/],
    [{ ODIN_LISTEN: "9003" }, /ODIN_LISTEN.*0.0.0.0:9003/],
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
    [{ ODIN_NAMESPACE: "*" }, /ODIN_NAMESPACE.*one namespace/],
    [{ ODIN_TLS_CERT: "/c" }, /ODIN_TLS_KEY/],
    [{ ODIN_LOG_LEVEL: "loud" }, /ODIN_LOG_LEVEL/],
    [{ ODIN_USER_POLICY: "all" }, /ODIN_USER_POLICY.*admins, any/],
    [{ ODIN_ADMINS: "ann, b/ob" }, /ODIN_ADMINS.*letters/],
    [{ ODIN_CORS_ORIGINS: "*" }, /ODIN_CORS_ORIGINS.*https:\/\/ui.example.org/],
    [{ ODIN_CORS_ORIGINS: "null" }, /ODIN_CORS_ORIGINS/],
    [{ ODIN_CORS_ORIGINS: "https://a.example/x" }, /ODIN_CORS_ORIGINS.*did you mean https:\/\/a.example\?/],
    [{ ODIN_CORS_ORIGINS: "ftp://a.example" }, /ODIN_CORS_ORIGINS/],
  ];
  for (const [env, expected] of cases) {
    const message = complaint([], { ODIN_SECRET: secret, ...env });
    assert.match(message, expected);
    assert.not.match(message, /hunter22|short/);
  }
});

test("O-29, O-16: the root user is an administrator; origins are taken as browsers send them", () => {
  const settings = read([], {
    ODIN_SECRET: secret,
    ODIN_ROOT_USER: "root",
    ODIN_ROOT_PASS: "hunter22",
    ODIN_ADMINS: "ann, bob@x.org",
    ODIN_CORS_ORIGINS: "https://ui.example.org, http://localhost:3000",
  });
  assert.equal([...settings.userRights.admins], ["root", "ann", "bob@x.org"]);
  assert.equal(settings.corsOrigins, ["https://ui.example.org", "http://localhost:3000"]);
});

test("unknown flags are refused", () => {
  assert.match(complaint(["--nope"], { ODIN_SECRET: secret }), /--nope.*--help/);
  assert.match(complaint(["extra"], { ODIN_SECRET: secret }), /extra/);
});

test("--help lists every setting and its default", () => {
  const help = helpText("usage", API_SETTINGS);
  for (const name of ["ODIN_LISTEN", "ODIN_SECRET_PREVIOUS", "ODIN_ROOT_PASS", "--listen", "com.interactions"]) {
    assert.match(help, name);
  }
});

test.run();
