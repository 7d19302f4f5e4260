import { integerValue, pathValue, SettingProblem, textValue } from "../../settings/settings.ts";
import { branchValue, identityValue, remoteCredential, remoteValue } from "./remote.ts";

const MAX_SYNC_SECONDS = 24 * 3600;

/** Settings of the jobs repository and of files (O-270). */
export const GIT_SETTINGS = {
  repository: {
    flag: "repository",
    env: "ODIN_REPOSITORY",
    help: "Directory with the git work tree of the jobs; made if it is not there. Without it, the one of --fs-root.",
    parse: pathValue,
  },
  branch: {
    flag: "pipelines-main",
    env: "ODIN_PIPELINES_MAIN",
    help: "Branch of the jobs repository.",
    fallback: "master",
    parse: branchValue,
  },
  remote: {
    flag: "git-remote",
    env: "ODIN_GIT_REMOTE",
    help: "Address of the git remote that jobs are fetched from and pushed to. Without it, the work tree's `origin`, if it has one.",
    parse: remoteValue,
  },
  remoteToken: {
    env: "ODIN_GIT_TOKEN",
    help: "Token, or user:token, for a git remote with https.",
    secret: true,
    parse: textValue,
  },
  gitName: {
    flag: "git-name",
    env: "ODIN_GIT_NAME",
    help: "Committer of changes made over REST; their author is the user.",
    fallback: "odin",
    parse: identityValue,
  },
  gitEmail: {
    flag: "git-email",
    env: "ODIN_GIT_EMAIL",
    help: "E-mail address of the committer.",
    fallback: "odin@localhost",
    parse: identityValue,
  },
  gitSyncSeconds: {
    flag: "git-sync",
    env: "ODIN_GIT_SYNC",
    help: "How often the git remote is asked for changes, in seconds.",
    fallback: "15",
    parse: integerValue(1, MAX_SYNC_SECONDS),
  },
  maxUpload: {
    flag: "max-upload",
    env: "ODIN_MAX_UPLOAD",
    help: "Largest file that can be uploaded: bytes, or a number with Ki or Mi.",
    fallback: "10Mi",
    parse: sizeValue,
  },
  renderPath: {
    flag: "render-path",
    env: "ODIN_RENDER_PATH",
    help: "Where tasks see the rendered files of jobs with templates. Without it, `rendered` below --fs-root.",
    parse: pathValue,
  },
} as const;

/** The jobs repository as the facade keeps it. */
export interface GitSettings {
  directory: string;
  branch: string;
  remote?: string;
  credential?: { url: string; authorization: string };
  committer: { name: string; email: string };
  syncMs: number;
}

interface GitValues {
  root: string;
  repository: string | undefined;
  branch: string;
  remote: string | undefined;
  remoteToken: string | undefined;
  gitName: string;
  gitEmail: string;
  gitSyncSeconds: number;
}

/** The settings of the repository together; throws a `SettingProblem` for a token without a remote that may be given it. */
export function gitSettings(values: GitValues): GitSettings {
  const { remote, remoteToken } = values;
  if (remoteToken !== undefined && remote === undefined) {
    throw new SettingProblem("ODIN_GIT_TOKEN goes with --git-remote (ODIN_GIT_REMOTE): set both or neither");
  }
  return {
    directory: values.repository ?? values.root,
    branch: values.branch,
    ...(remote === undefined ? {} : { remote }),
    ...(remote === undefined || remoteToken === undefined ? {} : { credential: remoteCredential(remote, remoteToken) }),
    committer: { name: values.gitName, email: values.gitEmail },
    syncMs: values.gitSyncSeconds * 1000,
  };
}

/** Most that is taken: an upload is held in memory while it is committed. */
const MAX_UPLOAD_BYTES = 256 * 1024 * 1024;

function sizeValue(text: string): number {
  const match = /^(\d{1,12})(Ki|Mi)?$/.exec(text.replace(/\s*(KiB|MiB)$/, (unit) => unit.trim().slice(0, 2)));
  const factor = match?.[2] === "Mi" ? 1024 * 1024 : match?.[2] === "Ki" ? 1024 : 1;
  const bytes = Number(match?.[1]) * factor;
  if (!(bytes >= 1 && bytes <= MAX_UPLOAD_BYTES)) {
    throw new SettingProblem("must be a number of bytes up to 256Mi, like 10Mi");
  }
  return bytes;
}
