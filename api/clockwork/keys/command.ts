import { KubeClient } from "../../../kube/client.ts";
import { loadCluster } from "../../../settings/kube-config.ts";
import { helpText, readSettings, SettingProblem, textValue } from "../../../settings/settings.ts";
import { CLUSTER_SETTINGS } from "../../../settings/shared.ts";
import { namespaceValue } from "../../settings.ts";
import { KeyProblem, KeyStore } from "./key-store.ts";

const USAGE = `odin clockwork-key create --user NAME          makes an API key for the Clockwork API and shows it, this once
odin clockwork-key list --user NAME            shows when the user's keys were made
odin clockwork-key revoke --user NAME --id ID  revokes one of them

For administrators of the cluster: the keys' hashes are in the Secret of the user.`;

const COMMAND_SETTINGS = {
  ...CLUSTER_SETTINGS,
  namespace: {
    flag: "namespace",
    env: "ODIN_NAMESPACE",
    help: "Namespace of the users. Without it, the context's or the pod's own.",
    parse: namespaceValue,
  },
  user: {
    flag: "user",
    env: "ODIN_CLOCKWORK_USER",
    help: "Name of the user whose keys are meant.",
    required: true,
    parse: textValue,
  },
  id: { flag: "id", env: "ODIN_CLOCKWORK_KEY_ID", help: "Id of the key to revoke.", parse: textValue },
} as const;

/** Makes, lists or revokes the API keys of a user (C-15); what it did goes to standard output. */
export async function runClockworkKey(
  [action = "--help", ...flags]: readonly string[],
  env: NodeJS.ProcessEnv,
  write: (text: string) => void = (text) => void process.stdout.write(text),
): Promise<void> {
  if (action === "--help" || flags.includes("--help")) return write(helpText(USAGE, COMMAND_SETTINGS));
  if (!["create", "list", "revoke"].includes(action))
    throw new SettingProblem(`${JSON.stringify(action)} is not create, list or revoke; see --help`);
  const { kubeconfig, context, namespace, user, id } = readSettings(COMMAND_SETTINGS, flags, env);
  const cluster = loadCluster(kubeconfig, context);
  const client = new KubeClient({ kubeConfig: cluster.kubeConfig, userAgent: "odin-clockwork-key" });
  try {
    const keys = new KeyStore({ client, namespace: namespace ?? cluster.namespace });
    if (action === "create") {
      const { id: made, key, email } = await keys.create(user);
      write(`id:     ${made}\ne-mail: ${email}\nkey:    ${key}\n`);
    } else if (action === "list") {
      const lines = (await keys.list(user)).map(({ id: one, created }) => `${one}  ${dateOf(created)}\n`);
      write(lines.length === 0 ? "no keys\n" : lines.join(""));
    } else {
      if (id === undefined)
        throw new SettingProblem("--id (ODIN_CLOCKWORK_KEY_ID) is needed: see odin clockwork-key list");
      await keys.revoke(user, id);
      write(`revoked ${id}\n`);
    }
  } catch (error) {
    throw error instanceof KeyProblem ? new SettingProblem(error.message) : error;
  } finally {
    client.close();
  }
}

function dateOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
