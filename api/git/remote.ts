import { SettingProblem } from "../../settings/settings.ts";

const SCHEMES = ["https:", "http:", "ssh:", "git:", "file:"];
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Address of a git remote: a URL, `user@host:path` or an absolute path. One with a password in it is refused: addresses show in
 * git's messages and configuration.
 */
export function remoteValue(text: string): string {
  if (/[\s\x00-\x1f\x7f]/.test(text) || text.startsWith("-")) throw new SettingProblem("is no address of a git remote");
  if (text.startsWith("/") || /^[\w.-]+@[\w.-]+:[^:]+$/.test(text)) return text;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new SettingProblem("must be a URL, user@host:path or an absolute path");
  }
  if (!SCHEMES.includes(url.protocol)) throw new SettingProblem("must use https, http, ssh, git or file");
  if (url.password !== "" || (url.username !== "" && url.protocol !== "ssh:")) {
    throw new SettingProblem("must not hold a user or a password; give them in ODIN_GIT_TOKEN");
  }
  return text;
}

/** Name of a branch. */
export function branchValue(text: string): string {
  const wrong = /\.\.|\/\/|@\{|[/.]$|\.lock(\/|$)|(^|\/)\./;
  if (text.length > 200 || !/^[A-Za-z0-9_][A-Za-z0-9._/@-]*$/.test(text) || wrong.test(text)) {
    throw new SettingProblem("is no name of a branch");
  }
  return text;
}

/** A name or an e-mail address for commits. */
export function identityValue(text: string): string {
  if (/[<>\x00-\x1f\x7f]/.test(text) || text.trim() === "" || text.length > 200) {
    throw new SettingProblem("must be one line without < and >");
  }
  return text.trim();
}

/** The credential for a remote, from `ODIN_GIT_TOKEN`: a token, or `user:token`. Throws where it would travel in clear. */
export function remoteCredential(remote: string, token: string): { url: string; authorization: string } {
  let url: URL | undefined;
  try {
    url = new URL(remote);
  } catch {
    url = undefined;
  }
  const confidential = url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK.includes(url.hostname));
  if (url === undefined || !confidential) {
    throw new SettingProblem(
      "ODIN_GIT_TOKEN is for a remote with https; other kinds of remotes take keys of ssh, or none",
    );
  }
  const pair = token.includes(":") ? token : `git:${token}`;
  return { url: `${url.origin}/`, authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}
