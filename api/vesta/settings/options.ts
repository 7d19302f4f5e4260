import {
  booleanValue,
  choiceValue,
  filePathValue,
  integerValue,
  type Setting,
  SettingProblem,
} from "../../../settings/settings.ts";
import { type Networks, parseNetworks } from "../../networks.ts";
import { type AllowList, parseAllowList } from "../allow-list.ts";
import { integer, option, seconds, secret, text, withoutEffect } from "./option.ts";
import { SLACK_OPTIONS } from "./slack-options.ts";

/** Orders of day, month and year (V-34). */
export const TIMESTAMP_FORMATS = ["YMD", "MDY", "DMY"] as const;
/** What hosts are sorted by (V-35). */
export const SORT_ORDERS = ["ip", "name"] as const;
/** Versions whose texts can be printed (V-37). */
export const TEXT_VERSIONS = ["1.0.0", "1.2.5"] as const;

const DAY_SECONDS = 86_400;

/** Options of vesta (V-68), with the names that they have always had where they are not new. */
export const VESTA_SETTINGS = {
  vestaEnabled: option(
    "ENABLED",
    "true",
    "Serve vesta, the view of all GPUs. If not, nothing is at `/` and its other paths.",
    booleanValue,
  ),
  vestaSettingsFile: {
    flag: "vesta-local_settings_yaml_path",
    env: "VESTA_LOCAL_SETTINGS_YAML_PATH",
    help: "File in YAML with options of vesta by their keys in capitals, such as `TERM_WIDTH: 100`. What it says wins over flags and the environment.",
    parse: filePathValue,
  },
  vestaIp: text("IP", "127.0.0.1", "Address of the server in vesta's messages; the default stands for its own."),
  vestaPortNum: option("PORT_NUM", "8080", "Port of the server in vesta's messages.", integerValue(0, 65_535)),
  vestaBindHost: text("BIND_HOST", "0.0.0.0", "Address in vesta's messages that the server listens on."),
  vestaToken: secret(
    "TOKEN",
    "0000",
    "Token of machines that send their GPUs. The default is taken from the addresses of `--vesta-valid_network` alone; empty: none is asked for.",
  ),
  vestaValidNetwork: option(
    "VALID_NETWORK",
    "127.0.0.1",
    "Who may look at vesta: addresses, networks such as `10.0.0.0/8`, and regular expressions that are searched in the address, separated by commas or blanks.",
    allowListValue,
  ),
  vestaTrustedProxies: {
    ...option(
      "TRUSTED_PROXIES",
      "",
      "Addresses and networks of proxies whose `X-Forwarded-For` is believed, separated by commas or blanks.",
      networksValue,
    ),
    mayBeEmpty: true,
  },
  vestaTimestampFormat: option(
    "TIMESTAMP_FORMAT",
    "MDY",
    "Order of year, month and day in vesta's times.",
    choiceValue(TIMESTAMP_FORMATS),
  ),
  vestaSortBy: option("SORT_BY", "ip", "What vesta sorts hosts by.", choiceValue(SORT_ORDERS)),
  vestaPagePerHostNum: integer("PAGE_PER_HOST_NUM", 8, "Hosts on a page of vesta.", 1, 10_000),
  vestaTermWidth: integer("TERM_WIDTH", 80, "Columns of vesta's detailed text.", 40, 500),
  vestaTextVersion: option(
    "TEXT_VERSION",
    "1.0.0",
    "Version whose texts vesta prints: with `1.2.5` the memory of a process is a column narrower.",
    choiceValue(TEXT_VERSIONS),
  ),
  vestaMainPageTitle: text("MAIN_PAGE_TITLE", "GPU info", "Heading of vesta's page."),
  vestaMainPageDescription: text("MAIN_PAGE_DESCRIPTION", "", "Small text beside that heading."),
  vestaTablePageTitle: text("TABLE_PAGE_TITLE", "GPU Table", "Heading of vesta's page with the table."),
  vestaTablePageDescription: text("TABLE_PAGE_DESCRIPTION", "", "Small text beside that heading."),
  vestaServerSleepTime: seconds(
    "SERVER_SLEEP_TIME",
    5,
    "Seconds between two looks for hosts that are lost.",
    0.1,
    DAY_SECONDS,
  ),
  vestaDownTh: seconds(
    "DOWN_TH",
    60,
    "Seconds without a word of a host after which it is down.",
    0.1,
    365 * DAY_SECONDS,
  ),
  vestaSaveInterval: seconds(
    "SAVE_INTERVAL",
    60,
    "Least seconds between two rows of a host's history; 0: each word of it is kept.",
    0,
    DAY_SECONDS,
  ),
  vestaWsReceiveTimeout: seconds(
    "WS_RECEIVE_TIMEOUT",
    1,
    "Least seconds between two updates of an open page.",
    0.1,
    DAY_SECONDS,
  ),
  vestaRetentionDays: integer(
    "RETENTION_DAYS",
    30,
    "Days for which the history of GPUs is kept; 0: for ever.",
    0,
    36_500,
  ),
  vestaDownsampleSeconds: integer(
    "DOWNSAMPLE_SECONDS",
    600,
    "Seconds of which one row is left of a history that is older than a day; 0: all are.",
    0,
    DAY_SECONDS,
  ),
  vestaIdleMinutes: integer(
    "IDLE_MINUTES",
    10,
    "Minutes without any use after which a GPU that is held is marked as idle.",
    1,
    100_000,
  ),
  ...SLACK_OPTIONS,
  vestaServerName: withoutEffect("SERVER_NAME"),
  vestaDbName: withoutEffect("DB_NAME"),
  vestaDbDir: withoutEffect("DB_DIR"),
  // Plain flags of the program whose options these are.
  vestaQuiet: { ...withoutEffect("QUIET"), alone: "true" },
  vestaDebug: { ...withoutEffect("DEBUG"), alone: "true" },
} as const satisfies Record<string, Setting<unknown>>;

function allowListValue(value: string): AllowList {
  try {
    return parseAllowList(value);
  } catch (error) {
    throw new SettingProblem((error as Error).message);
  }
}

function networksValue(value: string): Networks {
  try {
    return parseNetworks(value.split(/[\s,]+/).filter((entry) => entry !== ""));
  } catch (error) {
    throw new SettingProblem((error as Error).message);
  }
}
