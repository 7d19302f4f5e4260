import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NodeGpus } from "../../../api/gpu/gpus.ts";
import { KubeClient } from "../../../kube/client.ts";
import { until, within } from "../../support/deadline.ts";
import { type Behaviour, Exporter, flood, silence, trickle } from "../../support/exporter.ts";
import { gpu, line, memory, sampleText } from "../../support/gpu-text.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { FaultProxy } from "../kube/fault-proxy.ts";
import { kubeConfig } from "./facade-stage.ts";
import { BENCH_TIMINGS, GpuBench } from "./gpu-bench.ts";

const test = suite("GPUs read in the background");
const WAIT_MS = 60_000;

let client: KubeClient;
let namespace: TemporaryNamespace;

test.before(async () => {
  namespace = await temporaryNamespace("gpus");
  client = new KubeClient({ kubeConfig: kubeConfig(), userAgent: "odin-test" });
});
test.after(async () => {
  client.close();
  await namespace.remove();
});

const bench = (action: (one: GpuBench) => Promise<void>) => async () => {
  const one = new GpuBench(client, namespace.name);
  try {
    await within(180_000, () => action(one));
  } finally {
    await one.close();
  }
};
const used = ({ rows }: NodeGpus) => rows.map(({ row }) => row.readings.memoryUsed);

test(
  "F-43, O-231, G-34: refusal, silence, a trickle, a reset, 500, a redirect, garbage, a huge body: the good node is read on",
  bench(async (one) => {
    const behaviours: Record<string, Behaviour> = {
      silent: silence,
      trickling: trickle(50),
      resetting: (request) => request.socket.resetAndDestroy(),
      failing: (_request, response) => void response.writeHead(500).end("no"),
      redirecting: (_request, response) => void response.writeHead(302, { location: "/other" }).end(),
      garbage: "\u0000\u0001 <html> {{{ \n".repeat(100),
      empty: "",
      huge: flood(memory(gpu(0), 1, 2).repeat(300), 100 * 1024 * 1024),
      half: 'DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-0"',
    };
    const expected: Record<string, RegExp> = {
      silent: /did not answer completely within 3 s/,
      trickling: /did not answer completely within 3 s/,
      resetting: /broke off \(ECONNRESET\)/,
      failing: /answered with HTTP 500/,
      redirecting: /HTTP 302; redirects are not followed/,
      garbage: /no reading of a GPU/,
      empty: /no reading of a GPU \(0 bytes\)/,
      huge: /more than 8 MiB|did not answer completely/,
      half: /no reading of a GPU/,
      refusing: /\(ECONNREFUSED\)/,
    };
    const good = await one.world.createNode("good", { gpus: 4 });
    await one.exporterPod("exporter-good", good, sampleText("dcgm-4gpu"), "127.0.1.1");
    const names = new Map<string, string>();
    for (const [index, [kind, behaviour]] of Object.entries(behaviours).entries()) {
      const node = await one.world.createNode(kind, { gpus: 1 });
      names.set(kind, node);
      await one.exporterPod(`exporter-${kind}`, node, behaviour, `127.0.1.${index + 2}`);
    }
    const refusing = await one.world.createNode("refusing", { gpus: 1 });
    names.set("refusing", refusing);
    const gone = await Exporter.start("", { host: "127.0.1.99" });
    await gone.stop();
    await one.world.createExporter("exporter-refusing", { node: refusing, ip: "127.0.1.99", port: 9 });
    one.read();
    for (const [kind, node] of names) {
      const wanted = expected[kind] ?? /never/;
      const { rows, error } = await one.until(node, `${kind} fails`, ({ error: failed }) => wanted.test(failed ?? ""));
      assert.equal(rows, []);
      assert.match(error ?? "", /^the GPU exporter /);
      assert.not.match(error ?? "", /127\.0\./);
    }
    const first =
      (await one.until(good, "the good node is read", ({ rows }) => rows.length === 4)).rows[0]?.readAt ?? 0;
    await one.until(good, "the good node is read on", ({ rows }) => (rows[0]?.readAt ?? 0) > first);
    assert.is(one.node(good).error, undefined);
    assert.is(one.gpus.nodes().length, 11);
  }),
);

test(
  "G-30: only Ready pods with a node and an address are asked; the port is that called metrics; both selectors count",
  bench(async (one) => {
    const node = await one.world.createNode("n");
    const other = await one.world.createNode("o");
    const exporter = await one.exporter(memory(gpu(0), 7, 1), { host: "127.0.2.1" });
    await one.world.createExporter("late", { node, ip: "127.0.2.1", port: exporter.port, ready: false });
    await one.world.createExporter("homeless", { node: other, port: exporter.port });
    const second = await one.exporter(memory(gpu(5), 8, 1), { host: "127.0.2.2" });
    await one.world.createPod("by-the-other", {
      node: other,
      ip: "127.0.2.2",
      port: second.port,
      labels: { tier: "gpu", exporter2: one.world.id },
    });
    one.read({ ODIN_DCGM_SELECTORS: `exporter=${one.world.id}; tier in (gpu, x), exporter2=${one.world.id}` });
    await one.until(other, "the pod of the second selector is asked", (seen) => used(seen)[0] === 8);
    assert.equal([one.node(node).rows, one.node(node).error, exporter.requests], [[], undefined, 0]);
    await one.world.setPod("late", { ready: true });
    await one.until(node, "the pod is asked once it is Ready", (seen) => used(seen)[0] === 7);
    await one.world.setPod("late", { ready: false });
    await one.until(node, "it is seen that it no longer is", ({ error }) =>
      /no GPU exporter is ready/.test(error ?? ""),
    );
    const [seen, others] = [exporter.requests, second.requests];
    await until(() => second.requests > others + 10, WAIT_MS, { describe: "time passes" });
    // One may have been on its way.
    assert.ok(exporter.requests <= seen + 1);
  }),
);

test(
  "G-30, G-34: in a rolling update the newer scrape wins row by row; the old pod's rows stay until the new one answers",
  bench(async (one) => {
    const node = await one.world.createNode("n");
    const old = await one.exporterPod("old", node, memory(gpu(0), 1, 9) + memory(gpu(1), 1, 9), "127.0.3.1");
    one.read();
    await one.until(node, "the old pod is read", (seen) => used(seen).length === 2);
    const young = await one.exporterPod("young", node, silence, "127.0.3.2");
    await one.until(node, "the young one hangs", ({ error }) => error !== undefined);
    assert.equal(used(one.node(node)), [1, 1]);
    await one.world.deletePod("old");
    await until(() => old.open === 0, WAIT_MS, { describe: "the old one is let go of" });
    assert.equal(used(one.node(node)), [1, 1]);
    young.behaviour = memory(gpu(0), 2, 8);
    // Both are asked until it is known that the old one is gone.
    const alone = (seen: NodeGpus): boolean => used(seen).length === 1 && used(seen)[0] === 2;
    assert.is((await one.until(node, "the young one is read, and none but it", alone)).error, undefined);
  }),
);

test(
  "G-34: a new address of the same pod is asked at once, without the old one's pauses",
  bench(async (one) => {
    const node = await one.world.createNode("n");
    const exporter = await one.exporter(memory(gpu(0), 5, 5), { host: "127.0.4.2" });
    await one.world.createExporter("mover", { node, ip: "127.0.4.1", port: exporter.port });
    one.read({}, { ...BENCH_TIMINGS, backoffMs: { base: 3_600_000, cap: 3_600_000 } });
    await one.until(node, "nobody is there", ({ error }) => error !== undefined);
    await one.world.setPod("mover", { ip: "127.0.4.2", ready: true });
    const shown = await one.until(node, "it is read at its new address", (seen) => used(seen)[0] === 5);
    assert.is(shown.error, undefined);
  }),
);

test(
  "F-43, G-35: a failed node keeps its last rows and their age; one that leaves the cluster is dropped, and is empty if it comes back",
  bench(async (one) => {
    const node = await one.world.createNode("n");
    const exporter = await one.exporterPod("exporter", node, memory(gpu(0), 3, 5), "127.0.5.1");
    one.read();
    await one.until(node, "it is read", (seen) => used(seen)[0] === 3);
    exporter.behaviour = silence;
    const failed = await one.until(node, "it fails", ({ error }) => error !== undefined);
    assert.equal(used(failed), [3]);
    const readAt = failed.rows[0]?.readAt ?? 0;
    await until(() => performance.now() - readAt > one.gpus.freshMs, WAIT_MS, { describe: "the rows become stale" });
    assert.equal([used(one.node(node)), one.node(node).rows[0]?.readAt], [[3], readAt]);
    await one.world.deleteNode(node);
    await until(() => one.gpus.nodes().length === 0, WAIT_MS, { describe: "the node is gone" });
    await one.world.createNode("n");
    const back = await one.until(node, "the node is back", () => true);
    assert.equal(back.rows, []);
    assert.not.match(await one.registry.metrics(), /odin_gpu_data_age_seconds\{/);
  }),
);

test(
  "G-36: scrapes by node and result, duration, age, skipped lines, dropped values; no pod in any label; one line when it turns bad, one when it recovers",
  bench(async (one) => {
    const node = await one.world.createNode("n");
    const text = `${sampleText("dcgm-4gpu")}${line("DEV_GPU_UTIL", gpu(9), 4294967295)}DCGM_FI_DEV_FB_USED{a="b"c"} 1\n`;
    const exporter = await one.exporterPod("exporter", node, text, "127.0.6.1");
    one.read({}, { ...BENCH_TIMINGS, timeoutMs: 3_000 });
    await one.until(node, "it is read", ({ rows }) => rows.length === 5);
    for (const [behaviour, result] of [
      [(_request, response) => void response.writeHead(503).end(), "http"],
      [silence, "timeout"],
      ["", "parse"],
      [Array.from({ length: 1025 }, (_, index) => memory(gpu(index), 0, 1)).join(""), "too_large"],
      [(request) => request.socket.resetAndDestroy(), "refused"],
    ] as [Behaviour, string][]) {
      exporter.behaviour = behaviour;
      await until(async () => (await one.registry.metrics()).includes(`{node="${node}",result="${result}"}`), WAIT_MS, {
        describe: `a scrape ends with ${result}`,
      });
    }
    exporter.behaviour = text;
    await one.until(node, "it recovers", ({ error }) => error === undefined);
    const metrics = await one.registry.metrics();
    for (const name of [
      "scrape_duration_seconds",
      "data_age_seconds",
      "skipped_lines_total",
      "dropped_values_total",
      "devices",
      "allocated",
      "power_watts",
    ]) {
      assert.match(metrics, new RegExp(`^odin_gpu_${name}\\{node="${node}"\\} [\\d.]+`, "m"));
    }
    assert.match(metrics, new RegExp(`^odin_gpu_devices\\{node="${node}"\\} 5$`, "m"));
    assert.match(metrics, new RegExp(`^odin_gpu_allocated\\{node="${node}"\\} 2$`, "m"));
    assert.match(metrics, new RegExp(`^odin_gpu_power_watts\\{node="${node}"\\} 876\\.103`, "m"));
    assert.match(metrics, new RegExp(`^odin_gpu_utilisation\\{node="${node}"\\} 0\\.2725$`, "m"));
    assert.not.match(metrics, /jupyter|resnet|pod="/);
    assert.is(one.said("nothing more is said until").length, 1);
    assert.equal(
      one.said("nothing more is said until").map(({ level, node: of, result }) => [level, of, result]),
      [["warn", node, "http"]],
    );
    assert.equal(
      one.said("the GPU exporter can be read again").map(({ level, node: of }) => [level, of]),
      [["info", node]],
    );
  }),
);

test(
  "G-25, O-233, G-6: an exporter that names no pod does not know them where pods of the node request GPUs",
  bench(async (one) => {
    const node = await one.world.createNode("n");
    await one.exporterPod("exporter", node, memory(gpu(0), 5000, 5), "127.0.7.1");
    one.read();
    const attributed = ({ rows }: NodeGpus) => rows.map((row) => row.attributed);
    // Nobody has asked for a GPU: whatever uses it is no pod. While the API server has not said so that is unknown.
    await one.until(node, "it is read and free", (seen) => attributed(seen)[0] === true);
    await one.world.createPod("holder", { node, gpus: 1 });
    await one.until(node, "the pod is seen", (seen) => attributed(seen)[0] === false);
    assert.is(one.gpus.ofPod(node, namespace.name, "holder"), undefined);
  }),
);

test(
  "G-37: the GPUs of a pod, joined by namespace and name; unknown is not none",
  bench(async (one) => {
    const node = await one.world.createNode("n");
    one.read();
    await one.until(node, "the node is there", () => true);
    assert.is(one.gpus.ofPod(node, "team-a", "jupyter-0"), undefined);
    await one.exporterPod("exporter", node, sampleText("dcgm-4gpu"), "127.0.8.1");
    await one.until(node, "it is read", ({ rows }) => rows.length === 4);
    const held = one.gpus.ofPod(node, "team-a", "jupyter-0");
    assert.equal(
      held?.map(({ index, readings }) => [index, readings.utilisation, readings.memoryUsed]),
      [[1, 12, 9018]],
    );
    assert.equal(one.gpus.ofPod(node, "team-b", "jupyter-0"), []);
    assert.is(one.gpus.ofPod("elsewhere", "team-a", "jupyter-0"), undefined);
  }),
);

test(
  "G-30: a cluster without exporters is in order: empty lists, one line, no error",
  bench(async (one) => {
    const node = await one.world.createNode("n", { gpus: 8 });
    one.read();
    await until(() => one.said("no GPU exporter found").length === 1, WAIT_MS, { describe: "the line" });
    assert.equal([one.node(node).rows, one.node(node).error], [[], undefined]);
    assert.equal(
      one.logLines.filter(({ level }) => level === "warn" || level === "error"),
      [],
    );
  }),
);

test(
  "G-30: exporters that are no pods, by a list; a node that is not there is not asked",
  bench(async (one) => {
    const node = await one.world.createNode("n");
    const exporter = await one.exporter(memory(gpu(0), 4, 4));
    const lost = await one.exporter("");
    const targets = `${node}=${exporter.url.origin}/, elsewhere-${one.world.id}=${lost.url.href}`;
    one.read({ ODIN_DCGM_VIA: "none", ODIN_DCGM_TARGETS: targets });
    await one.until(node, "it is read", (seen) => used(seen)[0] === 4);
    assert.is(lost.requests, 0);
  }),
);

test(
  "G-30: user and password come from a Secret, are read again when they are not taken, and are never told",
  bench(async (one) => {
    const node = await one.world.createNode("n");
    const basic = (password: string) => `Basic ${Buffer.from(`scraper:${password}`).toString("base64")}`;
    let wanted = basic("first password");
    await one.exporterPod(
      "exporter",
      node,
      (request, response) => {
        response.statusCode = request.headers.authorization === wanted ? 200 : 401;
        response.end(memory(gpu(0), 6, 6));
      },
      "127.0.9.1",
    );
    const secret = (password: string) => ({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "exporters" },
      type: "kubernetes.io/basic-auth",
      stringData: { username: "scraper", password },
    });
    const path = `/api/v1/namespaces/${namespace.name}/secrets`;
    one.read({ ODIN_DCGM_AUTH_SECRET: `${namespace.name}/exporters` });
    const missing = new RegExp(`the Secret ${namespace.name}/exporters cannot be read$`);
    await one.until(node, "the Secret is missed", ({ error = "" }) => missing.test(error));
    await client.create(path, secret("first password"));
    await one.until(node, "it is read", (seen) => used(seen)[0] === 6 && seen.error === undefined);
    wanted = basic("second password");
    await one.until(node, "the old password is refused", ({ error = "" }) => /HTTP 401; it wants a cred/.test(error));
    await client.replace(`${path}/exporters`, secret("second password"));
    await one.until(node, "the new password is taken", ({ error }) => error === undefined);
    assert.not.match(JSON.stringify(one.logLines), /password|c2NyYXBlc/);
  }),
);

test(
  "G-30: the password goes to no pod outside the Secret's namespace, whatever it is labelled as; a namespace can be named",
  bench(async (one) => {
    const node = await one.world.createNode("n");
    const stranger = await one.exporterPod("stranger", node, memory(gpu(0), 1, 1), "127.0.13.1");
    one.read({ ODIN_DCGM_AUTH_SECRET: "kube-system/exporters" });
    await one.until(node, "the stranger is read", (seen) => used(seen)[0] === 1);
    assert.is(stranger.headers.authorization, undefined);
    await one.gpus.stop();
    one.read({ ODIN_DCGM_NAMESPACE: "kube-system" });
    await until(() => one.said("no GPU exporter found").length === 1, WAIT_MS, { describe: "nobody is found" });
    assert.equal([one.node(node).rows, one.node(node).error], [[], undefined]);
  }),
);

test(
  "G-35: where the last exporter of a node is gone, its rows stay and the node says why they grow old",
  bench(async (one) => {
    const node = await one.world.createNode("n");
    await one.exporterPod("exporter", node, memory(gpu(0), 1, 1), "127.0.14.1");
    one.read();
    await one.until(node, "it is read", (seen) => used(seen)[0] === 1);
    await one.world.deletePod("exporter");
    const left = await one.until(node, "it is gone", ({ error }) => error !== undefined);
    assert.equal([used(left), left.error], [[1], "no GPU exporter is ready on this node any more"]);
  }),
);

test(
  "G-31, G-34: while the API server is away nodes are shown and exporters are read on; without holders named nobody is called idle",
  bench(async (one) => {
    const proxy = await FaultProxy.start();
    const through = new KubeClient({ kubeConfig: proxy.kubeConfig(), userAgent: "odin-test" });
    try {
      const node = await one.world.createNode("n");
      const other = await one.world.createNode("o");
      const held = gpu(0, { namespace: "ns", pod: "p", container: "c" });
      const exporter = await one.exporterPod("exporter", node, memory(held, 100, 1), "127.0.15.1");
      await one.exporterPod("exporter-o", other, memory(gpu(0), 200, 1), "127.0.15.2");
      one.read({}, BENCH_TIMINGS, through);
      await one.until(node, "it is read", (seen) => used(seen)[0] === 100);
      await one.until(other, "it is free, as no pod has asked", ({ rows }) => rows[0]?.attributed === true);
      proxy.decide = () => ({ kind: "refuse" });
      proxy.cutWatches();
      exporter.behaviour = memory(held, 101, 1);
      await one.until(node, "it is read on", (seen) => used(seen)[0] === 101);
      await one.until(other, "nobody knows now", ({ rows }) => rows[0]?.attributed === false);
      assert.is(one.node(node).rows[0]?.attributed, true);
    } finally {
      await one.gpus.stop();
      through.close();
      await proxy.stop();
    }
  }),
);

test(
  "G-31, G-34: stop leaves nothing behind, in the middle of scrapes that hang",
  bench(async (one) => {
    const node = await one.world.createNode("n");
    const exporter = await one.exporterPod("exporter", node, silence, "127.0.10.1");
    one.read({}, { ...BENCH_TIMINGS, timeoutMs: 150_000 });
    await until(() => exporter.open === 1, WAIT_MS, { describe: "it is asked" });
    await within(60_000, () => one.gpus.stop());
    await until(() => exporter.open === 0, WAIT_MS, { describe: "the connection is closed" });
    assert.equal(one.node(node).rows, []);
  }),
);

test.run();
