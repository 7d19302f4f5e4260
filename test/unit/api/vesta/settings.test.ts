import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { API_SETTINGS, readApiSettings } from "../../../../api/settings.ts";
import type { VestaSettings } from "../../../../api/vesta/settings/vesta-settings.ts";
import { helpText, SettingProblem } from "../../../../settings/settings.ts";

const test = suite("vesta: options");
const directory = mkdtempSync(join(tmpdir(), "vesta-options-"));
test.after(() => rmSync(directory, { recursive: true }));

function read(env: Record<string, string> = {}, argv: string[] = []): VestaSettings {
  return readApiSettings(argv, { ODIN_SECRET: "s".repeat(32), ...env }).vesta;
}

/** The options with a settings file of that text. */
function withFile(text: string, env: Record<string, string> = {}, argv: string[] = []): VestaSettings {
  const path = join(directory, "local_settings.yaml");
  writeFileSync(path, text);
  return read(env, ["--vesta-local_settings_yaml_path", path, ...argv]);
}

function complaint(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (!(error instanceof SettingProblem)) throw error;
    assert.not.match(error.message, "\n");
    return error.message.replaceAll(directory, "");
  }
  return "none";
}

test("V-68: the defaults", () => {
  const { validNetwork, trustedProxies, slack, ...others } = read();
  assert.ok(validNetwork.admits("127.0.0.1") && validNetwork.admits("::1") && !validNetwork.admits("127.0.0.2"));
  assert.not(trustedProxies.has("127.0.0.1"));
  assert.equal(others, {
    ...{ enabled: true, ip: "127.0.0.1", port: 8080, bindHost: "0.0.0.0", token: "0000" },
    ...{ timestampFormat: "MDY", timeZone: "UTC", sortBy: "ip", pageSize: 8, termWidth: 80, textVersion: "1.0.0" },
    mainPage: { title: "GPU info", description: "" },
    tablePage: { title: "GPU Table", description: "" },
    ...{ watchSeconds: 5, downSeconds: 60, saveSeconds: 60, liveSeconds: 1 },
    ...{ retentionDays: 30, downsampleSeconds: 600, idleMinutes: 10, remarks: [] },
  });
  const [up, down] = ["\u2b06\ufe0e", "\u2b07\ufe0e"].map((arrow) => arrow.repeat(3));
  assert.equal(slack, {
    ...{ webhook: "", botToken: "", signingSecret: "", channel: "", commandPrefix: "", reports: [] },
    apiUrl: "https://slack.com/api",
    serverUpMsg: "Server has been started.\nCheck `{ip}:{port}/` (bind : `{bind_host}`)",
    registerUplinkMsg: `${up} \`Uplink\` Detected - New uplink from \`{}\`. Hello!`,
    reUplinkMsg: `${up} \`  Up  \` Detected - Uplink from \`{}\`. Welcome back!`,
    hostDownMsg: `${down} \` Down \` Detected - Connection from \`{host_name}\` has been lost more than {lost_th} sec. Check network and machine.`,
    memberJoinedMsg: "Hi {user}!\nYou can intract with me by\n{help_msg}",
    serverInfoMsg: "runing on `{ip}:{port}/` (bind : `{bind_host}`)",
    keywords: { all: "ALL", allCmd: "ALL_cmd", allDetail: "ALL_detail", hosts: "HOSTS", where: "WHERE", help: "HELP" },
  });
});

test("V-68: variables and flags have the keys' names, and a flag wins over a variable", () => {
  const own = Object.values(API_SETTINGS).filter(({ env }) => env.startsWith("VESTA_"));
  assert.is(own.length, 50);
  for (const setting of own) {
    assert.is("flag" in setting && setting.flag, `vesta-${setting.env.slice("VESTA_".length).toLowerCase()}`);
  }
  assert.is(read({ VESTA_TERM_WIDTH: "90" }).termWidth, 90);
  assert.is(read({ VESTA_TERM_WIDTH: "90" }, ["--vesta-term_width", "100"]).termWidth, 100);
});

test("V-68: flags that had no value need none here", () => {
  const given = ["--vesta-quiet", "--vesta-term_width", "100", "--vesta-debug"];
  assert.is(read({}, given).termWidth, 100);
  assert.is(read({}, ["--vesta-debug=false", "--vesta-quiet", "true"]).termWidth, 80);
  const told = complaint(() => read({}, ["--vesta-quiet", "--vesta-term_width"]));
  assert.match(told, "--vesta-term_width");
});

test("V-68: the file wins over both", () => {
  const { termWidth, sortBy } = withFile("TERM_WIDTH: 120\n", { VESTA_TERM_WIDTH: "90", VESTA_SORT_BY: "name" }, [
    ...["--vesta-term_width", "100"],
  ]);
  assert.equal([termWidth, sortBy], [120, "name"]);
});

test("V-22, V-68: values of a file are taken as they are written there", () => {
  assert.is(withFile("TOKEN: 0000").token, "0000");
  assert.is(withFile("TOKEN: 0123").token, "0123");
  assert.is(withFile('TOKEN: "1e3"').token, "1e3");
  assert.is(withFile("TOKEN: ''").token, "");
  assert.is(withFile("TOKEN:").token, "0000");
  assert.is(withFile("TOKEN: true").token, "true");
  assert.is(withFile("SERVER_UP_MSG: |-\n  one\n  two\n").slack.serverUpMsg, "one\ntwo");
  assert.is(withFile("DOWN_TH: 90.5").downSeconds, 90.5);
  const { validNetwork } = withFile("VALID_NETWORK:\n  - 10.0.0.1\n  - 192.168.\n");
  assert.ok(validNetwork.admits("10.0.0.1") && validNetwork.admits("192.168.1.1"));
  const reports = 'SCHEDULE_REPORT:\n  - {at: "09:00", title: morning}\n  - at: 17:30\n    title: 5\n';
  assert.equal(withFile(reports).slack.reports, [
    { at: "09:00", title: "morning" },
    { at: "17:30", title: "5" },
  ]);
  assert.is(withFile("").termWidth, 80);
  assert.is(withFile("---\n# nothing\n").termWidth, 80);
});

test("V-68, section 12, 20: an existing file works as it is; what means nothing here is told or ignored", () => {
  const { remarks, mainPage, slack, token } = withFile(
    [
      "IP: 192.168.1.10",
      "PORT_NUM: 8080",
      "BIND_HOST: 0.0.0.0",
      "TOKEN: 0000",
      "SERVER_NAME: lab",
      "DB_NAME: host_log.db",
      "DB_DIR: ./data",
      "QUIET: true",
      "DEBUG: false",
      "SLACK_BOT_SLEEP_TIME: 0.5",
      "MAIN_PAGE_TITLE: GPUs of the lab",
      'SLACK_WEBHOOK: "https://hooks.example.org/services/x"',
      "SCHEDULE_FUNCTION: |",
      "  import os",
      "NEW_KEY: 1",
    ].join("\n"),
  );
  assert.equal(
    [mainPage.title, slack.webhook, token],
    ["GPUs of the lab", "https://hooks.example.org/services/x", "0000"],
  );
  assert.is(remarks.length, 2);
  assert.match(String(remarks[0]), /"NEW_KEY" is no option/);
  assert.match(String(remarks[1]), /SCHEDULE_FUNCTION holds Python/);
  assert.not.match(remarks.join(), "import os");
});

test("V-68: a wrong value stops the start with its name", () => {
  const wrong = (key: string, value: string): string => complaint(() => read({ [`VESTA_${key}`]: value }));
  assert.is(
    wrong("TERM_WIDTH", "39"),
    '--vesta-term_width (VESTA_TERM_WIDTH) "39": must be a whole number from 40 to 500',
  );
  for (const [key, value] of [
    ["TERM_WIDTH", "wide"],
    ["TIMESTAMP_FORMAT", "ISO"],
    ["SORT_BY", "age"],
    ["PAGE_PER_HOST_NUM", "0"],
    ["DOWN_TH", "-1"],
    ["DOWN_TH", "soon"],
    ["VALID_NETWORK", "10.0.0.0/99"],
    ["TRUSTED_PROXIES", "proxy.example.org"],
    ["KEYWORD_CMD_PREFIX", "("],
    ["KEYWORD_PRINT_HELP", "["],
    ["SLACK_API_URL", "slack.com"],
    ["SCHEDULE_REPORT", "[{]"],
    ["SCHEDULE_REPORT", '[{"at": "24:00", "title": "x"}]'],
    ["TEXT_VERSION", "2"],
    ["ENABLED", "maybe"],
    ["RETENTION_DAYS", "1.5"],
  ] as const) {
    assert.match(wrong(key, value), `VESTA_${key}`, `${key} ${value}`);
    assert.match(
      complaint(() => withFile(`${key}: '${value}'`)),
      `local_settings.yaml: ${key} `,
      `${key} in the file`,
    );
  }
});

test("V-68: a file that is none stops the start", () => {
  const name = "--vesta-local_settings_yaml_path (VESTA_LOCAL_SETTINGS_YAML_PATH)";
  assert.is(
    complaint(() => read({}, ["--vesta-local_settings_yaml_path", "/nowhere.yaml"])),
    `${name} /nowhere.yaml: cannot be read (ENOENT)`,
  );
  assert.match(
    complaint(() => withFile("- a\n- b\n")),
    "must be a map",
  );
  assert.match(
    complaint(() => withFile("TERM_WIDTH: [1\n")),
    /line \d+ is no YAML/,
  );
});

test("V-68: secrets are never shown, not even where they are wrong", () => {
  const text = complaint(() => read({ VESTA_SLACK_WEBHOOK: "hooks.example.org/secret" }));
  assert.match(text, "VESTA_SLACK_WEBHOOK");
  assert.not.match(text, "secret");
  assert.not.match(
    complaint(() => withFile("SLACK_WEBHOOK: hooks/secret")),
    "secret",
  );
  const secrets = Object.values(API_SETTINGS).filter(
    (setting) => setting.env.startsWith("VESTA_") && "secret" in setting,
  );
  assert.equal(secrets.map(({ env }) => env).sort(), [
    "VESTA_SLACK_BOT_TOKEN",
    "VESTA_SLACK_SIGNING_SECRET",
    "VESTA_SLACK_WEBHOOK",
    "VESTA_TOKEN",
  ]);
});

test("V-57, V-68: an empty message is none, wherever it is set; other empty variables count as absent", () => {
  assert.is(read({ VESTA_SERVER_UP_MSG: "" }).slack.serverUpMsg, "");
  assert.is(read({}, ["--vesta-host_down_msg", ""]).slack.hostDownMsg, "");
  assert.is(withFile('RE_UPLINK_MSG: ""').slack.reUplinkMsg, "");
  assert.is(read({ VESTA_KEYWORD_PRINT_HELP: "" }).slack.keywords.help, "");
  assert.is(read({ VESTA_TOKEN: "" }).token, "");
  assert.is(read({ VESTA_TERM_WIDTH: "" }).termWidth, 80);
  assert.ok(read({ VESTA_VALID_NETWORK: "" }).validNetwork.admits("127.0.0.1"));
});

test("the help shows each option in one line, line breaks as \\n", () => {
  const help = helpText("x", API_SETTINGS);
  assert.match(help, "(default Server has been started.\\nCheck `{ip}:{port}/` (bind : `{bind_host}`))");
});

test.run();
