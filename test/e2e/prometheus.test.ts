// timeout: 1800
/** The chart in the local cluster, watched by a real Prometheus that is set up as the documentation says. */
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import * as yaml from "js-yaml";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { selected } from "../../cli/dashboard/grafana.ts";
import { ROWS } from "../../cli/dashboard/rows.ts";
import { METRIC_ORIGINS } from "../../cli/metric-origins.ts";
import { loadImages } from "../../local/node-images.ts";
import { productImage } from "../../local/product-image.ts";
import { streamProgress } from "../../local/progress.ts";
import { createSharedVolume } from "../../local/shared-volume.ts";
import { accountRequests } from "../support/account-rights.ts";
import { until, within } from "../support/deadline.ts";
import { blocksOf, ROOT } from "../support/documents.ts";
import { CHART, helmDone, objectsOf, type Rendered } from "../support/helm.ts";
import { kubectl, kubectlApply, testVariable } from "../support/kubectl.ts";
import { PrometheusServer, type ScrapeTarget, whyNoPrometheus } from "../support/prometheus-server.ts";
import { promtool } from "../support/promtool.ts";
import { skip } from "../support/skip.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";

const execute = promisify(execFile);
const WAIT_MS = 180_000;
const PAGE = "docs/how-to/watch-with-prometheus.md";
/** Metrics whose names come from the library that measures the process. */
const OF_THE_LIBRARY = /^(nodejs|process)_/;

const watched = suite("odin, watched by Prometheus");
let namespace: TemporaryNamespace;
let place: TemporaryDirectory;
let prometheus: PrometheusServer;
let missing: string | undefined;

const inNamespace = (): string[] => ["--namespace", namespace.name];
const settings = (image: string): string[] => {
  const [repository = "", tag = ""] = image.split(/:(?=[^:]+$)/);
  return [
    "crds.install=false",
    `image.repository=${repository}`,
    `image.tag=${tag}`,
    "store.embedded.existingClaim=store",
    "jobs.existingClaim=jobs",
  ].flatMap((value) => ["--set", value]);
};

watched.before(async () => {
  try {
    namespace = await temporaryNamespace("prometheus");
    place = await temporaryDirectory();
    const kubeconfig = testVariable("KUBECONFIG");
    const { archive, name } = await productImage(streamProgress());
    await loadImages(dirname(kubeconfig), [archive]);
    for (const claim of ["store", "jobs"]) await createSharedVolume(kubeconfig, namespace.name, claim);
    await helmDone(
      ["install", "odin", CHART, ...inNamespace(), ...settings(name), "--wait", "--timeout=300s"],
      kubeconfig,
    );
    missing = await whyNoPrometheus();
    if (missing !== undefined) return;
    await kubectlApply(namespace.name, ...(await pageObjects()));
    prometheus = await PrometheusServer.start(namespace.name);
  } catch (error) {
    console.error(error);
    const pods = namespace ? await kubectl("describe", "pods", ...inNamespace()).catch(String) : "";
    console.error(pods.slice(-6_000));
    throw error;
  }
});
watched.after(async () => {
  if (namespace) {
    await helmDone(["uninstall", "odin", ...inNamespace(), "--ignore-not-found"], testVariable("KUBECONFIG")).catch(
      console.error,
    );
    await namespace.remove();
  }
  await place?.remove();
});

/** A test that needs Prometheus itself. */
function test(title: string, ms: number, work: () => Promise<void>): void {
  watched(title, () => (missing === undefined ? within(ms, work) : skip(title, missing)));
}

/** A job that follows the annotations, as many do, and keeps nothing of what it gets: the first has it already. */
const ANNOTATED = (namespace: string): object => {
  const annotation = "__meta_kubernetes_pod_annotation_prometheus_io_";
  return {
    job_name: "annotated",
    kubernetes_sd_configs: [{ role: "pod", namespaces: { names: [namespace] } }],
    relabel_configs: [
      { source_labels: [`${annotation}scrape`], regex: "true", action: "keep" },
      { source_labels: [`${annotation}path`], target_label: "__metrics_path__", regex: "(.+)" },
      {
        source_labels: ["__meta_kubernetes_pod_ip", `${annotation}port`],
        regex: "(.+);(.+)",
        replacement: "$1:$2",
        target_label: "__address__",
      },
      { source_labels: ["__meta_kubernetes_pod_name"], target_label: "pod" },
    ],
    metric_relabel_configs: [{ source_labels: ["__name__"], regex: ".*", action: "drop" }],
  };
};

/** The page's own objects, for this namespace, with the file of alerts put beside the configuration. It looks more often, and there is a second job. */
async function pageObjects(): Promise<Rendered[]> {
  const block = blocksOf(PAGE).find(({ language, text }) => language === "yaml" && text.includes("kind: ConfigMap"));
  const text = (block?.text ?? "")
    .replaceAll("namespace: odin}", `namespace: ${namespace.name}}`)
    .replace("names: [odin]", `names: [${namespace.name}]`)
    .replace("scrape_interval: 30s", "scrape_interval: 1s")
    .replace("evaluation_interval: 30s", "evaluation_interval: 2s");
  const objects = yaml.loadAll(text) as Rendered[];
  const map = objects.find(({ kind }) => kind === "ConfigMap") as unknown as { data: Record<string, string> };
  const config = yaml.load(map.data["prometheus.yml"] ?? "") as { scrape_configs: object[] };
  assert.is(config.scrape_configs.length, 1);
  config.scrape_configs.push(ANNOTATED(namespace.name));
  map.data["prometheus.yml"] = yaml.dump(config);
  map.data["alerts.yaml"] = await readFile(join(CHART, "alerts.yaml"), "utf8");
  return objects;
}

interface Pod {
  metadata: {
    name: string;
    namespace: string;
    labels: Record<string, string>;
    annotations?: Record<string, string>;
  };
  spec: { containers: { ports?: { name: string; containerPort: number }[] }[] };
  status: { podIP: string };
}

/** The pods of the namespace, or those of them that the selector names. */
async function pods(selector = ""): Promise<Pod[]> {
  return JSON.parse(await kubectl("get", "pods", ...inNamespace(), "-l", selector, "-o", "json")).items;
}

/** The targets of a job, once they are the pods that there are now and each was read. */
async function targetsOf(job: string): Promise<ScrapeTarget[]> {
  const names = (await pods("app.kubernetes.io/name=odin")).map(({ metadata }) => metadata.name).sort();
  assert.is(names.length, 3);
  const found = await until(() => prometheus.targets(), WAIT_MS, {
    describe: `the pods ${names.join(", ")} are read by ${job}`,
    everyMs: 500,
    accept: (targets) => {
      const of = targets.filter(({ labels }) => labels.job === job);
      const read = of.filter(({ health }) => health === "up").map(({ labels }) => labels.pod);
      return of.length === 3 && read.sort().join() === names.join();
    },
  });
  return found.filter(({ labels }) => labels.job === job);
}

test(
  "it finds the operator and the API by itself, by their ports and by their annotations, and reads both",
  WAIT_MS,
  async () => {
    for (const job of ["odin", "annotated"]) {
      const ports = (await targetsOf(job)).map(({ scrapeUrl }) => new URL(scrapeUrl).port);
      assert.equal(ports.sort(), ["9003", "9004", "9004"], job);
    }
    // A target is up a moment before what was read of it can be asked for.
    const wanted = `api ${namespace.name} 1,operator ${namespace.name} 2`;
    const look = async (): Promise<string> =>
      (await prometheus.query("count by (part, namespace) (odin_build_info)"))
        .map(({ metric, value }) => `${metric.part} ${metric.namespace} ${value}`)
        .sort()
        .join();
    await until(look, WAIT_MS, { describe: `the parts are known: ${wanted}`, accept: (parts) => parts === wanted });
  },
);

test("its targets have the labels that the page gives them, and no others", WAIT_MS, async () => {
  const addresses = new Map((await pods()).map(({ metadata, status }) => [metadata.name, status.podIP]));
  for (const { labels, scrapeUrl } of await targetsOf("odin")) {
    const { hostname, host, pathname } = new URL(scrapeUrl);
    const { pod = "" } = labels;
    assert.equal(labels, { job: "odin", namespace: namespace.name, pod, instance: host });
    assert.is(hostname, addresses.get(pod));
    assert.is(pathname, "/metrics");
  }
});

test(
  "the leader is killed and the API replaced: both are found again, and those that are gone are forgotten",
  WAIT_MS * 2,
  async () => {
    const holder = ["get", "lease", "odin-operator", ...inNamespace(), "-o", "jsonpath={.spec.holderIdentity}"];
    const leader = await kubectl(...holder);
    const [api] = await pods("app.kubernetes.io/component=api");
    const gone = [leader, api?.metadata.name ?? ""];
    await kubectl("delete", "pod", ...gone, ...inNamespace(), "--grace-period=0", "--force");
    const left = async (): Promise<string[]> =>
      (await pods("app.kubernetes.io/name=odin")).map(({ metadata }) => metadata.name);
    await until(left, WAIT_MS, {
      describe: "others have taken their places",
      accept: (names) => names.length === 3 && !gone.some((name) => names.includes(name)),
    });
    for (const job of ["odin", "annotated"]) await targetsOf(job);
    await until(() => prometheus.query('odin_is_leader{lease=~".+/odin-operator"} == 1'), WAIT_MS, {
      describe: "another one leads",
      // What was read last of the pod that is gone counts for some seconds more.
      accept: ([first, ...others]) => first !== undefined && others.length === 0 && first.metric.pod !== leader,
    });
    await kubectl("rollout", "status", "deployment/odin-api", ...inNamespace(), "--timeout=120s");
  },
);

test("the rights of the page are enough for that, and give nothing else", WAIT_MS, async () => {
  const account = `--as=system:serviceaccount:${namespace.name}:prometheus`;
  const may = (...what: string[]): Promise<string> =>
    kubectl("auth", "can-i", ...what, account).then(
      (said) => said.trim(),
      (error: Error) => error.message,
    );
  for (const verb of ["get", "list", "watch"]) assert.is(await may(verb, "pods", ...inNamespace()), "yes", verb);
  for (const what of [
    ["list", "pods", "--namespace", "default"],
    ["create", "pods", ...inNamespace()],
    ["list", "secrets", ...inNamespace()],
    ["list", "nodes"],
  ])
    assert.not.match(await may(...what), /^yes/, what.join(" "));
  const asked = (await accountRequests([namespace.name])).filter(
    (request) => request.account === `${namespace.name}:prometheus`,
  );
  // Where the server streams what there is at the start of a watch, no list is asked for.
  const done = new Set(asked.map(({ verb, resource, code }) => `${verb} ${resource} ${code}`));
  assert.ok(done.has("watch pods 200"));
  for (const what of done) assert.match(what, /^(list|watch) pods 200$/);
});

test("it takes the alerts, and can evaluate each", WAIT_MS, async () => {
  const count = await until(() => prometheus.rules(), WAIT_MS, {
    describe: "all rules were evaluated",
    accept: (rules) => rules.length > 0 && rules.every(({ health }) => health === "ok" || health === "err"),
  });
  assert.equal(
    count.filter(({ health }) => health !== "ok"),
    [],
  );
});

interface Login {
  url: string;
  authorization: string;
}

async function logIn(): Promise<Login> {
  const [pod] = await pods("app.kubernetes.io/component=api");
  const url = `http://${pod?.status.podIP}:9003`;
  const secret = JSON.parse(await kubectl("get", "secret", "odin-auth", ...inNamespace(), "-o", "json"));
  const password = Buffer.from(secret.data["root-password"], "base64").toString();
  const post = (given: string): Promise<Response> =>
    fetch(`${url}/v1/auth`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username: "root", password: given }),
    });
  assert.is((await post("not the password")).status, 401);
  const answer = await post(password);
  assert.is(answer.status, 200);
  const { message } = (await answer.json()) as { message: string };
  return { url, authorization: `Bearer ${message}` };
}

async function pipeline(name: string, tasks: object[]): Promise<void> {
  await kubectlApply(namespace.name, {
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: { name },
    spec: { tasks },
  });
}

const untilDone = (name: string): Promise<string> =>
  until(() => kubectl("get", "pipeline", name, ...inNamespace(), "-o", "jsonpath={.status.phase}"), WAIT_MS, {
    describe: `${name} is done`,
    accept: (phase) => phase === "DONE",
  });

/** Something of everything: runs that end well, a task that waits for ever, GPUs, REST calls, and a login that is refused. */
async function demo(): Promise<void> {
  await kubectl("apply", ...inNamespace(), "-f", join(ROOT, "examples/gpus/simulated-exporter.yaml"));
  const image = "python:3.11-slim";
  const sh = (script: string): object => ({ image, command: ["sh", "-c", script] });
  await pipeline("waits", [{ name: "big", ...sh("true"), nodeSelector: { "there-is": "no-such-node" } }]);
  for (const [index, name] of ["first", "second"].entries()) {
    await pipeline(name, [
      { name: "a", ...sh("echo a") },
      { name: "b", ...sh("echo b"), depends: ["a"] },
    ]);
    await untilDone(name);
    // A rate is seen only from the second time on, and only if the first was seen before it.
    await until(() => prometheus.query("sum(odin_pipelinerun_duration_seconds_count)"), WAIT_MS, {
      describe: `the end of ${name} is counted`,
      accept: ([sample]) => sample !== undefined && sample.value > index,
    });
  }
  const { url, authorization } = await logIn();
  for (const round of [1, 2]) {
    for (const path of [
      "/v1/pipelines",
      "/v1/pipelines/first",
      "/v1/nodes",
      "/v1/jobs",
      "/v1/resources/first--a/logs",
    ]) {
      const answer = await fetch(url + path, { headers: { authorization } });
      assert.is(answer.status, 200, path);
      await answer.text();
    }
    await until(() => prometheus.query('odin_api_http_request_duration_seconds_count{route="/v1/jobs"}'), WAIT_MS, {
      describe: `the requests of round ${round} are counted`,
      accept: ([sample]) => sample !== undefined && sample.value >= round,
    });
  }
}

test("after a demonstration each panel of the dashboard has something to show", WAIT_MS * 4, async () => {
  await demo();
  // So long that the rates of the demonstration are still to be seen when the last panel has its turn.
  const range = "15m";
  const empty: string[] = [];
  for (const { title, queries, emptyBecause } of ROWS.flatMap(({ panels }) => panels)) {
    for (const { expr } of queries) {
      const asked = selected(expr)
        .replaceAll("$namespace", namespace.name)
        .replaceAll("$job", ".*")
        .replaceAll("$__rate_interval", range);
      // The API serves plain HTTP here, so there is no certificate. Everything else that may be empty is not in this demonstration.
      if (title === "Certificate ends in") {
        assert.ok(emptyBecause);
        assert.equal(await prometheus.query(asked), []);
        continue;
      }
      await until(() => prometheus.query(asked), WAIT_MS, {
        describe: `${title} has something to show`,
        everyMs: 500,
        accept: (samples) => samples.some(({ value }) => Number.isFinite(value)),
      }).catch(() => empty.push(`${title}: ${asked}`));
    }
  }
  assert.equal(empty, []);
});

test("no alert fires where all is well", WAIT_MS, async () => {
  assert.equal(await prometheus.query('ALERTS{alertname=~"Odin.+",alertstate="firing"}'), []);
});

watched("promtool finds nothing wrong with the metrics but names that others chose", () =>
  within(WAIT_MS, async () => {
    for (const { metadata, status } of await pods("app.kubernetes.io/name=odin")) {
      const port = metadata.labels["app.kubernetes.io/component"] === "api" ? 9003 : 9004;
      const text = await (await fetch(`http://${status.podIP}:${port}/metrics`)).text();
      assert.match(text, "odin_build_info");
      const result = await promtool(["check", "metrics"], { input: text });
      if ("cannot" in result) return skip("promtool finds nothing wrong with the metrics", result.cannot);
      const ours = result.output.split("\n").filter((line) => {
        const [name = ""] = line.split(" ");
        return name !== "" && !Object.hasOwn(METRIC_ORIGINS, name) && !OF_THE_LIBRARY.test(name);
      });
      assert.equal(ours, [], metadata.name);
    }
  }),
);

interface Monitor extends Rendered {
  spec: {
    selector: { matchLabels: Record<string, string> };
    podMetricsEndpoints?: { port: string; path: string }[];
    endpoints?: { port: string; path: string }[];
  };
}

watched("the monitors for the Prometheus operator select the pods and ports that there are", () =>
  within(WAIT_MS, async () => {
    const wanted = ["podMonitor", "serviceMonitor", "prometheusRule", "dashboard"];
    // A render that cannot see the cluster makes no key of its own.
    const set = [...wanted.map((name) => `metrics.${name}.enabled=true`), "auth.existingSecret=login"].flatMap(
      (value) => ["--set", value],
    );
    const objects = objectsOf(await helmDone(["template", "odin", CHART, ...inNamespace(), ...set]));
    const monitors = objects.filter(({ kind }) => /^(Pod|Service)Monitor$/.test(kind)) as Monitor[];
    assert.equal(monitors.map(({ kind }) => kind).sort(), ["PodMonitor", "ServiceMonitor"]);
    for (const { kind, spec } of monitors) {
      const selector = Object.entries(spec.selector.matchLabels).map(([name, value]) => `${name}=${value}`);
      const args = [...inNamespace(), "-l", selector.join(","), "-o", "json"];
      const [endpoint] = [...(spec.podMetricsEndpoints ?? []), ...(spec.endpoints ?? [])];
      assert.is(endpoint?.path, "/metrics");
      if (kind === "PodMonitor") {
        const { items } = JSON.parse(await kubectl("get", "pods", ...args)) as { items: Pod[] };
        assert.is(items.length, 2);
        for (const { spec: pod } of items)
          assert.ok(pod.containers.some(({ ports = [] }) => ports.some(({ name }) => name === endpoint?.port)));
      } else {
        const { items } = JSON.parse(await kubectl("get", "services", ...args));
        assert.is(items.length, 1);
        assert.ok(items[0].spec.ports.some(({ name }: { name: string }) => name === endpoint?.port));
      }
    }
    const rule = objects.find(({ kind }) => kind === "PrometheusRule") as unknown as { spec: object };
    const file = yaml.load(await readFile(join(CHART, "alerts.yaml"), "utf8"));
    assert.equal(rule.spec, file);
    const map = objects.find(
      ({ kind, metadata }) => kind === "ConfigMap" && metadata.labels?.grafana_dashboard === "1",
    );
    const [text = ""] = Object.values((map as unknown as { data: Record<string, string> }).data);
    assert.is(JSON.parse(text).uid, "odin");
  }),
);

/** The pages whose commands look at an installation. The list of the runbook comes first: it says which namespace the others are about. */
async function pagesOfCommands(): Promise<string[]> {
  const runbook = (await readdir(join(ROOT, "docs/runbook"))).filter((name) => name !== "README.md").sort();
  return ["README.md", ...runbook].map((name) => `docs/runbook/${name}`).concat("docs/how-to/production-checklist.md");
}

watched("the commands of the runbook and of the checklist work", () =>
  within(WAIT_MS * 4, async () => {
    const home = join(place.path, "home");
    await mkdir(join(home, "bin"), { recursive: true });
    await symlink(testVariable("ODIN_TEST_KUBECTL"), join(home, "bin/kubectl"));
    const kubeconfig = join(home, "kubeconfig");
    await writeFile(kubeconfig, await kubectl("config", "view", "--flatten"), { mode: 0o600 });
    const env = { PATH: `${join(home, "bin")}:${process.env.PATH}`, HOME: home, KUBECONFIG: kubeconfig };
    const failed: string[] = [];
    const done = new Set<string>();
    for (const page of await pagesOfCommands()) {
      for (const { language, text } of blocksOf(page)) {
        assert.is(language, "sh", page);
        for (const line of text
          .trim()
          .split("\n")
          .filter((one) => !done.has(one))) {
          done.add(line);
          const command = line.replace("--namespace=odin", `--namespace=${namespace.name}`);
          await execute("bash", ["--norc", "-euo", "pipefail", "-c", command], {
            cwd: home,
            env,
            timeout: WAIT_MS,
          }).catch((error: Error & { stderr?: string }) =>
            failed.push(`${page}: ${line}\n  ${error.stderr || error.message}`),
          );
        }
      }
    }
    assert.ok(done.size > 30, `${done.size} commands`);
    assert.equal(failed, []);
  }),
);

watched.run();
