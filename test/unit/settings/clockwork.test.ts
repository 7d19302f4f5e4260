import { execFile } from "node:child_process";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ApiSettings, readApiSettings } from "../../../api/settings.ts";
import { OPERATOR_SETTINGS } from "../../../operator/settings.ts";
import { CLOCKWORK_SETTINGS, CLOCKWORK_TASK_SETTINGS } from "../../../settings/clockwork.ts";
import { readSettings, SettingProblem } from "../../../settings/settings.ts";
import { ROOT } from "../../support/documents.ts";

const test = suite("settings of Clockwork");
const ODIN_SECRET = "s".repeat(32);

/** Each variable, what holds without it, and values that are none. */
const VARIABLES: readonly [name: string, fallback: string | undefined, bad: readonly string[]][] = [
  ["CLOCKWORK_CLUSTER", "kubernetes", ["two words", "a,b", "-x", "x".repeat(64)]],
  ["CLOCKWORK_VISIBILITY", "own", ["some", "OWN", "own,all"]],
  ["CLOCKWORK_NAMESPACES", "*", ["*,team", "Team", ",", "a/b", "a b"]],
  ["CLOCKWORK_PAGE_SIZE", "25", ["0", "-1", "1.5", "many"]],
  ["CLOCKWORK_RETENTION_DAYS", "180", ["-1", "1.5", "180d", "for ever"]],
  ["CLOCKWORK_PROPS_QUOTA_MIB", "256", ["0", "-1", "256Mi"]],
  ["CLOCKWORK_POD_ENV", "true", ["maybe", "2"]],
  ["CLOCKWORK_GPU_SPECS", undefined, ["gpus.json", "/etc/../gpus.json"]],
  ["TZ", "UTC", ["Nowhere/Town", "local time"]],
];

const flagOf = (variable: string): string => variable.toLowerCase().replaceAll("_", "-");

/** Reads the settings of both programs, as each does at its start. */
function read(argv: string[], env: Record<string, string>): { api: ApiSettings["clockwork"]; podEnv: boolean } {
  const isOperators = argv.some((word) => word.startsWith("--clockwork-pod-env"));
  return {
    api: readApiSettings(isOperators ? [] : argv, { ODIN_SECRET, ...env }).clockwork,
    podEnv: readSettings(OPERATOR_SETTINGS, isOperators ? argv : [], env).clockworkPodEnv,
  };
}

function complaint(argv: string[], env: Record<string, string>): string {
  try {
    read(argv, env);
  } catch (error) {
    if (error instanceof SettingProblem) return error.message;
    throw error;
  }
  return "none";
}

test("C-95: the variables, the flags of their names, and what holds without them", () => {
  const settings = Object.values({ ...CLOCKWORK_SETTINGS, ...CLOCKWORK_TASK_SETTINGS });
  assert.equal(
    settings.map((setting) => [setting.env, setting.flag, "fallback" in setting ? setting.fallback : undefined]).sort(),
    VARIABLES.map(([name, fallback]) => [name, flagOf(name), fallback]).sort(),
  );
  assert.equal(read([], {}), {
    api: {
      cluster: "kubernetes",
      visibility: "own",
      pageSize: 25,
      retentionDays: 180,
      propsQuotaMib: 256,
      timeZone: "UTC",
    },
    podEnv: true,
  });
});

test("C-95: values of the environment, and of flags, which go before it", () => {
  const env = {
    CLOCKWORK_CLUSTER: "main.gpu_1",
    CLOCKWORK_VISIBILITY: "all",
    CLOCKWORK_NAMESPACES: "team-a, team-b,team-a",
    CLOCKWORK_PAGE_SIZE: "40",
    CLOCKWORK_RETENTION_DAYS: "0",
    CLOCKWORK_PROPS_QUOTA_MIB: "1",
    CLOCKWORK_POD_ENV: "false",
    CLOCKWORK_GPU_SPECS: "/etc/odin/gpus.json",
    TZ: "America/Toronto",
  };
  const expected = {
    cluster: "main.gpu_1",
    visibility: "all",
    namespaces: ["team-a", "team-b"],
    pageSize: 40,
    retentionDays: 0,
    propsQuotaMib: 1,
    gpuSpecs: "/etc/odin/gpus.json",
    timeZone: "America/Toronto",
  };
  assert.equal(read([], env), { api: expected, podEnv: false });
  assert.equal(read(["--clockwork-page-size", "7", "--tz=UTC"], env).api, {
    ...expected,
    pageSize: 7,
    timeZone: "UTC",
  });
  assert.is(read(["--clockwork-pod-env=true"], env).podEnv, true);
});

test("C-95: a wrong value is named with its setting, given either way, and with what is wanted", () => {
  for (const [name, , bad] of VARIABLES) {
    for (const value of bad) {
      for (const message of [complaint([], { [name]: value }), complaint([`--${flagOf(name)}=${value}`], {})]) {
        assert.ok(message.includes(name) && message.includes(JSON.stringify(value)), `${name}=${value}: ${message}`);
        assert.match(message, "must be", `${name}=${value}`);
        assert.not.match(message, "\n");
      }
    }
  }
});

test("C-95: neither program starts with one", async () => {
  const start = (program: string, variable: string): Promise<[code: unknown, said: string]> =>
    new Promise((done) => {
      const env = { ...process.env, ODIN_SECRET, KUBECONFIG: "/nowhere", [variable]: "no such value" };
      execFile(process.execPath, [join(ROOT, "dist/cli/odin.js"), program], { env }, (error, stdout, stderr) =>
        done([error?.code, stdout + stderr]),
      );
    });
  for (const [program, variable] of [
    ["api", "CLOCKWORK_VISIBILITY"],
    ["api", "TZ"],
    ["operator", "CLOCKWORK_POD_ENV"],
  ] as const) {
    const [code, said] = await start(program, variable);
    assert.ok(Number(code) > 0, said);
    assert.match(said, variable);
    assert.is(said.trim().split("\n").length, 1, said);
  }
});

test.run();
