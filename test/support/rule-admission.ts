import { createPrivateKey } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { builtTool } from "../../local/binaries.ts";
import { silentProgress } from "../../local/progress.ts";
import { createAuthority, createCertificate } from "../../local/x509.ts";
import { until } from "./deadline.ts";
import { kubectl, kubectlApply, kubectlDryRun } from "./kubectl.ts";
import { StartedProgram } from "./started-program.ts";
import { type TemporaryDirectory, temporaryDirectory } from "./temporary-directory.ts";

const ASKED_MS = 60_000;
const LISTENS = /starting secure server.* address=(\S+)/;

/** The admission of PrometheusRules that comes with the Prometheus operator, asked by the API server of the tests about one namespace. */
export class RuleAdmission {
  readonly #program: StartedProgram;
  readonly #place: TemporaryDirectory;
  readonly #name: string;

  private constructor(program: StartedProgram, place: TemporaryDirectory, name: string) {
    this.#program = program;
    this.#place = place;
    this.#name = name;
  }

  static async start(namespace: string): Promise<RuleAdmission> {
    const path = await builtTool("prometheus-operator", "admission-webhook", silentProgress);
    const place = await temporaryDirectory();
    const authority = createAuthority("the admission of the tests");
    const { certificate, key } = createCertificate(authority, createPrivateKey(authority.key), {
      commonName: "admission",
      usages: ["serverAuth"],
      addresses: ["127.0.0.1"],
    });
    const [certificateFile, keyFile] = [join(place.path, "tls.crt"), join(place.path, "tls.key")];
    await writeFile(certificateFile, certificate);
    await writeFile(keyFile, key, { mode: 0o600 });
    const program = new StartedProgram(path, [
      "--web.listen-address=127.0.0.1:0",
      `--web.cert-file=${certificateFile}`,
      `--web.key-file=${keyFile}`,
    ]);
    const admission = new RuleAdmission(program, place, `rules-of-${namespace}`);
    try {
      const [, address = ""] = await program.untilSaid(LISTENS);
      await admission.#register(namespace, `https://${address}`, authority.certificate);
      await untilAsked(namespace);
    } catch (error) {
      await admission.remove();
      throw error;
    }
    return admission;
  }

  /** What it has written. */
  get output(): string {
    return this.#program.output;
  }

  async remove(): Promise<void> {
    const kinds = "mutatingwebhookconfigurations,validatingwebhookconfigurations";
    await kubectl("delete", kinds, this.#name, "--ignore-not-found");
    await this.#program.end();
    await this.#place.remove();
  }

  /** As the operator's documentation registers it, but for this one namespace and at the address of a process. */
  async #register(namespace: string, url: string, authority: string): Promise<void> {
    const caBundle = Buffer.from(authority).toString("base64");
    const parts = { Mutating: "mutate", Validating: "validate" };
    const objects = Object.entries(parts).map(([kind, path]) => ({
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: `${kind}WebhookConfiguration`,
      metadata: { name: this.#name },
      webhooks: [
        {
          name: `prometheusrule${path}.monitoring.coreos.com`,
          clientConfig: { url: `${url}/admission-prometheusrules/${path}`, caBundle },
          failurePolicy: "Fail",
          sideEffects: "None",
          admissionReviewVersions: ["v1"],
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
          rules: [
            {
              apiGroups: ["monitoring.coreos.com"],
              apiVersions: ["*"],
              operations: ["CREATE", "UPDATE"],
              resources: ["prometheusrules"],
            },
          ],
        },
      ],
    }));
    await kubectlApply(undefined, ...objects);
  }
}

/** The server takes a moment before it asks. */
async function untilAsked(namespace: string): Promise<void> {
  const broken = {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PrometheusRule",
    metadata: { name: "broken" },
    spec: { groups: [{ name: "broken", rules: [{ alert: "Broken", expr: "sum(" }] }] },
  };
  const look = (): Promise<string> => kubectlDryRun(namespace, broken).catch((error: Error) => error.message);
  const describe = "the admission refuses a broken rule";
  await until(look, ASKED_MS, { describe, accept: (said) => said.includes("could not parse expression") });
}
