import { writeFile } from "node:fs/promises";
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
