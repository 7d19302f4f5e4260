import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import type { KubeConfig, User } from "@kubernetes/client-node";
import { load } from "js-yaml";

interface RawConfig {
  users?: { name?: unknown; user?: { token?: unknown; tokenFile?: unknown } }[];
}

/**
 * Gives the current user of a kubeconfig the file that its `tokenFile` names, relative to the kubeconfig as with kubectl; the client library drops that
 * field without a word. The file is read again when it changes. `file`: the one kubeconfig to look into; undefined: those of KUBECONFIG, else the user's
 * own. Throws an error that names the file if it is not there.
 */
export function withTokenFile(kubeConfig: KubeConfig, file: string | undefined, env: NodeJS.ProcessEnv): void {
  const user = kubeConfig.getCurrentUser();
  if (user === null || user.token !== undefined) return;
  for (const path of file === undefined ? defaultFiles(env) : [file]) {
    if (!existsSync(path)) continue;
    const tokenFile = tokenFileIn(path, user);
    if (tokenFile === undefined) continue;
    if (!existsSync(tokenFile)) throw new Error(`tokenFile ${tokenFile} of user ${user.name} is not there`);
    const authProvider = { name: "tokenFile", config: { tokenFile } };
    kubeConfig.users = kubeConfig.users.map((other) => (other === user ? { ...user, authProvider } : other));
    return;
  }
}

function defaultFiles({ KUBECONFIG }: NodeJS.ProcessEnv): string[] {
  return KUBECONFIG ? KUBECONFIG.split(delimiter).filter((path) => path !== "") : [join(homedir(), ".kube", "config")];
}

function tokenFileIn(path: string, user: User): string | undefined {
  const raw = load(readFileSync(path, "utf8")) as RawConfig | null | undefined;
  const found = raw?.users?.find(({ name }) => name === user.name)?.user;
  return typeof found?.tokenFile === "string" && found.token === undefined
    ? resolve(dirname(path), found.tokenFile)
    : undefined;
}
