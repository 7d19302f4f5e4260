import type { Values } from "../../../settings/settings.ts";
import type { Networks } from "../../networks.ts";
import type { AllowList } from "../allow-list.ts";
import { type SORT_ORDERS, type TEXT_VERSIONS, type TIMESTAMP_FORMATS, VESTA_SETTINGS } from "./options.ts";
import type { ScheduledReport } from "./schedule.ts";
import { readSettingsFile } from "./settings-file.ts";

/** Version that the texts name (V-37). */
export type TextVersion = (typeof TEXT_VERSIONS)[number];
export type TimestampFormat = (typeof TIMESTAMP_FORMATS)[number];

/** The settings of vesta in the form in which its parts take them (V-68). */
export interface VestaSettings {
  enabled: boolean;
  /** Of messages, like port and bindHost; the default stands for our own. */
  ip: string;
  port: number;
  bindHost: string;
  /** Empty: none is asked for (V-22). */
  token: string;
  validNetwork: AllowList;
  trustedProxies: Networks;
  timestampFormat: TimestampFormat;
  /** IANA name (V-34). */
  timeZone: string;
  sortBy: (typeof SORT_ORDERS)[number];
  /** Hosts on a page (V-36). */
  pageSize: number;
  /** W of the texts (V-41). */
  termWidth: number;
  textVersion: TextVersion;
  mainPage: { title: string; description: string };
  tablePage: { title: string; description: string };
  /** Between two rounds of the watcher (V-56). */
  watchSeconds: number;
  downSeconds: number;
  /** 0: every contact is kept (V-29). */
  saveSeconds: number;
  /** Between two updates of an open page (V-52). */
  liveSeconds: number;
  /** 0: for ever (V-67). */
  retentionDays: number;
  /** 0: nothing is thinned (V-67). */
  downsampleSeconds: number;
  idleMinutes: number;
  slack: VestaSlackSettings;
  /** What to say at the start, in sentences: keys that mean nothing, statements that are not run. No values of options. */
  remarks: readonly string[];
}

/** Messages and bot (V-57 to V-65). Empty texts: there is none. */
export interface VestaSlackSettings {
  webhook: string;
  botToken: string;
  signingSecret: string;
  /** Without a slash at its end. */
  apiUrl: string;
  channel: string;
  serverUpMsg: string;
  registerUplinkMsg: string;
  reUplinkMsg: string;
  hostDownMsg: string;
  memberJoinedMsg: string;
  serverInfoMsg: string;
  /** Regular expressions, like the keywords. */
  commandPrefix: string;
  keywords: { all: string; allCmd: string; allDetail: string; hosts: string; where: string; help: string };
  reports: readonly ScheduledReport[];
}

type OptionValues = Values<typeof VESTA_SETTINGS>;

/** Puts the values together, those of the settings file over the others; throws a `SettingProblem` for a file that cannot be taken. */
export function vestaSettings(given: OptionValues & { timeZone: string }): VestaSettings {
  const path = given.vestaSettingsFile;
  const name = "--vesta-local_settings_yaml_path (VESTA_LOCAL_SETTINGS_YAML_PATH)";
  const file = path === undefined ? undefined : readSettingsFile(name, path, VESTA_SETTINGS);
  const values = { ...given, ...(file?.values as Partial<OptionValues> | undefined) };
  return {
    enabled: values.vestaEnabled,
    ip: values.vestaIp,
    port: values.vestaPortNum,
    bindHost: values.vestaBindHost,
    token: values.vestaToken,
    validNetwork: values.vestaValidNetwork,
    trustedProxies: values.vestaTrustedProxies,
    timestampFormat: values.vestaTimestampFormat,
    timeZone: given.timeZone,
    sortBy: values.vestaSortBy,
    pageSize: values.vestaPagePerHostNum,
    termWidth: values.vestaTermWidth,
    textVersion: values.vestaTextVersion,
    mainPage: { title: values.vestaMainPageTitle, description: values.vestaMainPageDescription },
    tablePage: { title: values.vestaTablePageTitle, description: values.vestaTablePageDescription },
    watchSeconds: values.vestaServerSleepTime,
    downSeconds: values.vestaDownTh,
    saveSeconds: values.vestaSaveInterval,
    liveSeconds: values.vestaWsReceiveTimeout,
    retentionDays: values.vestaRetentionDays,
    downsampleSeconds: values.vestaDownsampleSeconds,
    idleMinutes: values.vestaIdleMinutes,
    slack: slackSettings(values),
    remarks: [
      ...(file?.unknown ?? []).map((key) => `${path}: ${JSON.stringify(key)} is no option of vesta, and is ignored`),
      ...(values.vestaScheduleFunction === ""
        ? []
        : ["SCHEDULE_FUNCTION holds Python statements, which are not run; SCHEDULE_REPORT posts reports"]),
    ],
  };
}

function slackSettings(values: OptionValues): VestaSlackSettings {
  return {
    webhook: values.vestaSlackWebhook,
    botToken: values.vestaSlackBotToken,
    signingSecret: values.vestaSlackSigningSecret,
    apiUrl: values.vestaSlackApiUrl,
    channel: values.vestaSlackBotPostChannel,
    serverUpMsg: values.vestaServerUpMsg,
    registerUplinkMsg: values.vestaRegisterUplinkMsg,
    reUplinkMsg: values.vestaReUplinkMsg,
    hostDownMsg: values.vestaHostDownMsg,
    memberJoinedMsg: values.vestaMemberJoinedMsg,
    serverInfoMsg: values.vestaServerInfoMsg,
    commandPrefix: values.vestaCommandPrefix,
    keywords: {
      all: values.vestaKeywordAll,
      allCmd: values.vestaKeywordAllCmd,
      allDetail: values.vestaKeywordAllDetail,
      hosts: values.vestaKeywordHosts,
      where: values.vestaKeywordHostInfo,
      help: values.vestaKeywordHelp,
    },
    reports: values.vestaScheduleReport,
  };
}
