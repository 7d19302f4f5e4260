import { readFile, writeFile } from "node:fs/promises";
import { LocalError } from "./local-error.ts";
import type { KeyPair } from "./x509.ts";

/** What a client needs to reach an API server: certificates PEM. */
export interface KubeconfigOptions {
  server: string;
  authority: string;
  user: string;
  credentials: KeyPair;
}

/** Writes a kubeconfig with everything embedded, readable by its owner only. JSON is YAML, and every client reads it. */
export async function writeKubeconfig(path: string, o: KubeconfigOptions): Promise<void> {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name: "odin-local", cluster: { server: o.server, "certificate-authority-data": base64(o.authority) } },
    ],
    users: [
      {
        name: o.user,
        user: {
          "client-certificate-data": base64(o.credentials.certificate),
          "client-key-data": base64(o.credentials.key),
        },
      },
    ],
    contexts: [{ name: "odin-local", context: { cluster: "odin-local", user: o.user } }],
    "current-context": "odin-local",
  };
  await writeFile(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
}

interface KubeconfigFile {
  clusters: { cluster: { server: string; "certificate-authority-data": string } }[];
  users: { name: string; user: { "client-certificate-data": string; "client-key-data": string } }[];
}

/** Reads what `writeKubeconfig` wrote. */
export async function readKubeconfig(path: string): Promise<KubeconfigOptions> {
  const config: KubeconfigFile = JSON.parse(await readFile(path, "utf8"));
  const cluster = config.clusters[0]?.cluster;
  const user = config.users[0];
  if (!cluster || !user) throw new LocalError(`${path} was not written by a local cluster`);
  const text = (base64: string) => Buffer.from(base64, "base64").toString("utf8");
  return {
    server: cluster.server,
    authority: text(cluster["certificate-authority-data"]),
    user: user.name,
    credentials: { certificate: text(user.user["client-certificate-data"]), key: text(user.user["client-key-data"]) },
  };
}
