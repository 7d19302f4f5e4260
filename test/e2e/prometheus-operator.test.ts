// timeout: 1800
/** The chart in the local cluster, with the objects for the Prometheus operator, and the released operator that makes a Prometheus of them. */
import { createPrivateKey } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as yaml from "js-yaml";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadImages } from "../../local/node-images.ts";
import { productImage } from "../../local/product-image.ts";
import { streamProgress } from "../../local/progress.ts";
import { createSharedVolume } from "../../local/shared-volume.ts";
import { createAuthority, createCertificate } from "../../local/x509.ts";
import { accountRequests } from "../support/account-rights.ts";
import { until, within } from "../support/deadline.ts";
import { blocksOf } from "../support/documents.ts";
import { CHART, helmDone } from "../support/helm.ts";
import { whyNoDefinitions } from "../support/kind-definitions.ts";
import { kubectl, kubectlApply, testVariable } from "../support/kubectl.ts";
import {
  type GeneratedConfig,
  MANAGED_ACCOUNT,
  MANAGED_KINDS,
  ManagedPrometheus,
  startPrometheusOperator,
} from "../support/managed-prometheus.ts";
import { installMonitoringKinds, removeMonitoringKinds } from "../support/monitoring-kinds.ts";
import { type ScrapeTarget, whyNoPrometheus } from "../support/prometheus-server.ts";
import { skip } from "../support/skip.ts";
import type { StartedProgram } from "../support/started-program.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";

const WAIT_MS = 180_000;
/** The program that reloads Prometheus may miss a change, and looks by itself every three minutes. */
const RELOAD_MS = 400_000;
const PAGE = "docs/how-to/watch-with-prometheus.md";
const SERVICE = "odin-http";
const CERTIFICATE = "certificate";

const test = suite("odin, watched by way of the Prometheus operator");
let namespace: TemporaryNamespace;
let monitoring: TemporaryNamespace;
let place: TemporaryDirectory;
let kinds: string[] = [];
let operator: StartedProgram | undefined;
let prometheus: ManagedPrometheus | undefined;

const inNamespace = (): string[] => ["--namespace", namespace.name];

/** The settings of the page in a file, as a reader would keep them. */
async function pageValues(): Promise<string> {
  const block = blocksOf(PAGE).find(({ language, text }) => language === "text" && text.includes("podMonitor:"));
  const file = join(place.path, "values.yaml");
  await writeFile(file, block?.text ?? "");
  return file;
}

/** The rights that the page gives, for these namespaces. */
function pageRights(): string {
  const block = blocksOf(PAGE).find(({ text }) => text.includes("name: prometheus-k8s"));
  return (block?.text ?? "")
    .replaceAll("namespace: odin}", `namespace: ${namespace.name}}`)
    .replace("namespace: monitoring}", `namespace: ${monitoring.name}}`);
}

test.before(async () => {
  try {
    namespace = await temporaryNamespace("watched");
    monitoring = await temporaryNamespace("monitoring");
    place = await temporaryDirectory();
    kinds = await installMonitoringKinds(...MANAGED_KINDS);
    const kubeconfig = testVariable("KUBECONFIG");
    const { archive, name } = await productImage(streamProgress());
    await loadImages(dirname(kubeconfig), [archive]);
    for (const claim of ["store", "jobs"]) await createSharedVolume(kubeconfig, namespace.name, claim);
    const [repository = "", tag = ""] = name.split(/:(?=[^:]+$)/);
    const set = [
      "crds.install=false",
      `image.repository=${repository}`,
      `image.tag=${tag}`,
      "store.embedded.existingClaim=store",
      "jobs.existingClaim=jobs",
      // More often than a user would have it, so that the test need not wait.
      "metrics.podMonitor.interval=2s",
      "metrics.serviceMonitor.interval=2s",
    ].flatMap((value) => ["--set", value]);
    const values = ["--values", await pageValues(), ...set];
    await helmDone(["install", "odin", CHART, ...inNamespace(), ...values, "--wait", "--timeout=300s"], kubeconfig);
    await kubectlApply(undefined, pageRights());
    operator = await startPrometheusOperator();
    prometheus = await ManagedPrometheus.start(monitoring.name);
  } catch (error) {
    console.error(error, operator?.output.slice(-6_000));
    for (const { name } of [namespace, monitoring].filter((one) => one !== undefined))
      console.error((await kubectl("describe", "pods", "--namespace", name).catch(String)).slice(-6_000));
    throw error;
  }
});
test.after(async () => {
  if (monitoring) await monitoring.remove();
  if (namespace) {
    const uninstall = ["uninstall", "odin", ...inNamespace(), "--ignore-not-found"];
    await helmDone(uninstall, testVariable("KUBECONFIG")).catch(console.error);
    await namespace.remove();
  }
  await removeMonitoringKinds(kinds);
  await operator?.end();
  await place?.remove();
});

function managed(): ManagedPrometheus {
  if (prometheus === undefined) throw new Error("there is no Prometheus");
  return prometheus;
}

interface Pod {
  metadata: { name: string; labels: Record<string, string> };
  status: { podIP: string };
}

/** What Prometheus shall read: the pods of the installation as it is now, with the labels that they get. */
async function wanted(scheme: "http" | "https"): Promise<Record<string, string>[]> {
  const selector = ["-l", "app.kubernetes.io/name=odin", "-o", "json"];
  const { items } = JSON.parse(await kubectl("get", "pods", ...inNamespace(), ...selector)) as { items: Pod[] };
  const targets = items.map(({ metadata, status }) => {
    const isApi = metadata.labels["app.kubernetes.io/component"] === "api";
    const instance = `${status.podIP}:${isApi ? 9003 : 9004}`;
    return {
      scrapeUrl: `${isApi ? scheme : "http"}://${instance}/metrics`,
      instance,
      namespace: namespace.name,
      pod: metadata.name,
      container: "odin",
      ...(isApi
        ? { job: SERVICE, service: SERVICE, endpoint: scheme }
        : { job: `${namespace.name}/odin-operator`, endpoint: "metrics" }),
    };
  });
  return byPod(targets);
}

const byPod = (targets: Record<string, string>[]): Record<string, string>[] =>
  targets.sort((one, other) => (one.pod ?? "").localeCompare(other.pod ?? ""));

/** All targets, once they are the wanted ones and each was read. The kubelet is asked again and again to bring the configuration: it may have the old one still. */
async function untilRead(scheme: "http" | "https"): Promise<ScrapeTarget[]> {
  const look = async (): Promise<ScrapeTarget[]> => {
    await managed().refresh();
    const expected = (await wanted(scheme)).map(({ scrapeUrl }) => `${scrapeUrl} up`);
    const found = await managed().server.targets();
    const seen = found.map(({ scrapeUrl, health, lastError }) => [
      scrapeUrl,
      health,
      ...(lastError ? [lastError] : []),
    ]);
    assert.equal(seen.map((words) => words.join(" ")).sort(), expected.sort());
    return found;
  };
  try {
    return await until(look, RELOAD_MS, { describe: "the pods of the installation are read", everyMs: 2_000 });
  } catch (error) {
    console.error(operator?.output.slice(-4_000), await managed().logs());
    throw error;
  }
}

test("its Prometheus reads the operator by the PodMonitor and the API by the ServiceMonitor, and nothing else", () =>
  within(WAIT_MS + RELOAD_MS, async () => {
    const { scrape_configs: jobs } = await managed().config(() => true, "there is a configuration");
    assert.equal(jobs.map(({ job_name: name }) => name).sort(), [
      `podMonitor/${namespace.name}/odin-operator/0`,
      `serviceMonitor/${namespace.name}/odin-api/0`,
    ]);
    const targets = await untilRead("http");
    assert.is(targets.length, 3);
    const found = targets.map(({ labels, scrapeUrl }) => ({ ...labels, scrapeUrl }));
    assert.equal(byPod(found), await wanted("http"));
    // A target is up a moment before what was read of it can be asked for.
    const all = `api ${namespace.name} 1,operator ${namespace.name} 2`;
    const look = async (): Promise<string> =>
      (await managed().server.query("count by (part, namespace) (odin_build_info)"))
        .map(({ metric, value }) => `${metric.part} ${metric.namespace} ${value}`)
        .sort()
        .join();
    await until(look, WAIT_MS, { describe: `the parts are known: ${all}`, accept: (parts) => parts === all });
  }));

test("no label of a metric is hidden by one that the operator gives to the target", () =>
  within(WAIT_MS, async () => {
    const labels = await managed().server.labels();
    assert.ok(labels.includes("part"));
    assert.equal(
      labels.filter((name) => name.startsWith("exported_")),
      [],
    );
  }));

test("its Prometheus has all alerts, can evaluate each, and none fires where all is well", () =>
  within(WAIT_MS, async () => {
    const file = yaml.load(await readFile(join(CHART, "alerts.yaml"), "utf8")) as {
      groups: { rules: { alert: string; annotations: Record<string, string> }[] }[];
    };
    const ours = file.groups.flatMap(({ rules }) => rules);
    assert.ok(ours.length > 20);
    const loaded = await until(() => managed().server.rules(), WAIT_MS, {
      describe: "all rules were evaluated",
      accept: (rules) => rules.length > 0 && rules.every(({ health }) => health === "ok" || health === "err"),
    });
    assert.equal(
      loaded.filter(({ health }) => health !== "ok"),
      [],
    );
    assert.equal(
      loaded.map(({ name, annotations }) => [name, annotations]).sort(),
      ours.map(({ alert, annotations }) => [alert, annotations]).sort(),
    );
    assert.equal(await managed().server.query('ALERTS{alertname=~"Odin.+",alertstate="firing"}'), []);
  }));

test("the operator has nothing to say against the chart's objects", () =>
  within(WAIT_MS, async () => {
    const selector = ["--field-selector", "type=Warning", "-o", "json"];
    const { items } = JSON.parse(await kubectl("get", "events", ...inNamespace(), ...selector)) as {
      items: { involvedObject: { kind: string } }[];
    };
    assert.equal(
      items.filter(({ involvedObject }) => /Monitor|PrometheusRule/.test(involvedObject.kind)),
      [],
    );
    const complaints = (operator?.output ?? "")
      .split("\n")
      .filter((line) => /level=(WARN|ERROR)/i.test(line) && line.includes(namespace.name));
    assert.equal(complaints, []);
  }));

test("with HTTPS it reads both only if it can check the certificate, with endpoint slices as well", () =>
  within(WAIT_MS * 3 + RELOAD_MS, async () => {
    const authority = createAuthority("the authority of the tests");
    const { certificate, key } = createCertificate(authority, createPrivateKey(authority.key), {
      commonName: "odin",
      usages: ["serverAuth"],
      // By no address: Prometheus goes to the pod's and must expect the name of the Service.
      dnsNames: [`${SERVICE}.${namespace.name}.svc`],
    });
    const secret = (data: Record<string, string>): Promise<string> =>
      kubectlApply(namespace.name, {
        apiVersion: "v1",
        kind: "Secret",
        type: "kubernetes.io/tls",
        metadata: { name: CERTIFICATE },
        stringData: { "tls.crt": certificate, "tls.key": key, ...data },
      });
    await secret({});
    const values = ["--reuse-values", "--set", `api.tls.existingSecret=${CERTIFICATE}`];
    const wait = ["--wait", "--timeout=300s"];
    await helmDone(["upgrade", "odin", CHART, ...inNamespace(), ...values, ...wait], testVariable("KUBECONFIG"));
    const alone = ({ scrape_configs: jobs }: GeneratedConfig): boolean => jobs.length === 1;
    const [left] = (await managed().config(alone, "what cannot be checked is left out")).scrape_configs;
    assert.match(left?.job_name ?? "", /^podMonitor/);

    await secret({ "ca.crt": authority.certificate });
    // The operator does not look at Secrets of other namespaces by itself; a change of its own object makes it look.
    await managed().patch({ serviceDiscoveryRole: "EndpointSlice" });
    await managed().config(
      ({ scrape_configs: jobs }) =>
        jobs.some(({ scheme, kubernetes_sd_configs: [by] }) => scheme === "https" && by?.role === "endpointslice"),
      "the operator has taken up both",
    );
    await untilRead("https");
    const expiry = "odin_api_certificate_expiry_timestamp_seconds";
    await until(() => managed().server.query(expiry), WAIT_MS, { describe: "the certificate is told of" });
  }));

test("the rights of the page are enough for that, and each is used", () =>
  within(WAIT_MS, async () => {
    const asked = (await accountRequests([monitoring.name])).filter(
      ({ account }) => account === `${monitoring.name}:${MANAGED_ACCOUNT}`,
    );
    assert.equal(
      asked.filter(({ code }) => code === 401 || code === 403),
      [],
    );
    const watched = asked.filter(({ verb }) => verb === "watch").map(({ resource }) => resource);
    assert.equal([...new Set(watched)].sort(), ["endpoints", "endpointslices.discovery.k8s.io", "pods", "services"]);
  }));

const reason = (await whyNoDefinitions()) ?? (await whyNoPrometheus());
if (reason === undefined) test.run();
else skip("file", reason);
