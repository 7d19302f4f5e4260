import { createPrivateKey } from "node:crypto";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CadvisorReader } from "../../../../api/mlbench/collector/cadvisor.ts";
import { MetricCollector, type PodOnNode } from "../../../../api/mlbench/collector/collector.ts";
import type { KubeletCredential } from "../../../../api/mlbench/collector/kubelet-credentials.ts";
import { summaryEntries } from "../../../../api/mlbench/collector/kubelet-summary.ts";
import { createAuthority, createCertificate } from "../../../../local/x509.ts";
import type { OwnedEntry } from "../../../../store/mlbench-metrics.ts";
import { until } from "../../../support/deadline.ts";

const WAIT_MS = 60_000;
const POD: PodOnNode = { uid: "u1", namespace: "default", name: "worker-0", container: "main", hostIp: "127.0.0.1" };

/** What a kubelet says of a pod. */
function podStats(uid: string, more: object = {}): object {
  const time = "2026-11-20T23:35:10Z";
  return {
    podRef: { name: "worker-0", namespace: "default", uid },
    containers: [
      { name: "side", cpu: { time, usageNanoCores: 1 }, memory: { time, usageBytes: 1 } },
      { name: "main", cpu: { time, usageNanoCores: 1_500_000_000 }, memory: { time, usageBytes: 3 * 2 ** 20 } },
    ],
    network: { time: "2026-11-20T23:35:11.123456789Z", name: "eth0", rxBytes: 2 ** 19, txBytes: 2 ** 21 },
    ...more,
  };
}

interface Logged {
  level: string;
  message: string;
  fields: Record<string, unknown>;
}

/** A collector of the test's own, with what it stored and said. */
function collector(more: { pods: () => PodOnNode[]; port: number; cadvisor?: boolean; isActive?: () => boolean }): {
  collector: MetricCollector;
  stored: OwnedEntry[][];
  logged: Logged[];
} {
  const stored: OwnedEntry[][] = [];
  const logged: Logged[] = [];
  const log = (level: string) => (fields: object, message: string) =>
    void logged.push({ level, message, fields: { ...fields } });
  const made = new MetricCollector({
    pods: more.pods,
    metrics: {
      addNewer: async (entries) => {
        stored.push([...entries]);
        return entries.length;
      },
    },
    isActive: more.isActive ?? (() => true),
    access: {
      port: more.port,
      credentials: {
        next: async (): Promise<KubeletCredential> => ({ authorization: "Bearer of-the-test", tls: { ca } }),
        refused: () => {},
        areUnchecked: false,
      },
    },
    intervalMs: 50,
    cadvisor: more.cadvisor ?? false,
    logger: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
  });
  return { collector: made, stored, logged };
}

const test = suite("collection of metrics");
let ca: string;
let key: string;
let cert: string;
const servers: Server[] = [];

/** A kubelet that answers as said, on an address of this machine; its port. */
async function kubelet(answer: RequestListener, port = 0, address = "127.0.0.1"): Promise<number> {
  const server = createTlsServer({ key, cert }, answer);
  servers.push(server);
  server.listen(port, address);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const summary =
  (...pods: object[]): RequestListener =>
  (_, response) =>
    void response.end(JSON.stringify({ node: {}, pods }));

test.before(async () => {
  try {
    const authority = createAuthority("a kubelet's");
    const signed = createCertificate(authority, createPrivateKey(authority.key), {
      commonName: "node",
      usages: ["serverAuth"],
      addresses: ["127.0.0.1", "127.0.0.2", "127.0.0.3"],
    });
    [key, cert] = [signed.key, signed.certificate];
    ca = authority.certificate;
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

test("M-62: of a pod's first container CPU and memory, of the pod the network, with the samples' own times", () => {
  const entries = summaryEntries(JSON.stringify({ pods: [podStats("other"), podStats("u1"), podStats("u1")] }), [POD]);
  const common = { owner: "pod:u1", metadata: "" };
  assert.equal(entries, [
    { ...common, name: "cpu", date: "2026-11-20T23:35:10.000000Z", value: "1.5", cumulative: false },
    { ...common, name: "memory", date: "2026-11-20T23:35:10.000000Z", value: "3", cumulative: false },
    { ...common, name: "network_in", date: "2026-11-20T23:35:11.123456Z", value: "0.5", cumulative: true },
    { ...common, name: "network_out", date: "2026-11-20T23:35:11.123456Z", value: "2", cumulative: true },
  ]);
});

test("M-62: what is missing or cannot be true gives no point, and never an error", () => {
  const time = "2026-11-20T23:35:10Z";
  const containers = (main: object): object => ({ containers: [{ name: "main", ...main }], network: undefined });
  const hostile: unknown[] = [
    null,
    1,
    {},
    { podRef: null },
    { podRef: { uid: 1 } },
    podStats("u1", { containers: null, network: null }),
    podStats("u1", { containers: [null, 7, { name: "else" }], network: [] }),
    podStats("u1", containers({ cpu: { time, usageNanoCores: "1" }, memory: { time } })),
    podStats("u1", containers({ cpu: { time: 7, usageNanoCores: 1 }, memory: { time: "then", usageBytes: 1 } })),
    podStats("u1", containers({ cpu: { usageNanoCores: 1 }, memory: { time, usageBytes: -1 } })),
    JSON.parse('{"podRef":{"uid":"u1"},"network":{"time":"2026-11-20T23:35:10Z","rxBytes":1e999}}'),
    JSON.parse('{"podRef":{"uid":"u1","__proto__":{"uid":"u1"}},"containers":{"length":3}}'),
  ];
  for (const one of hostile) {
    const text = JSON.stringify({ pods: [one] }).replace("null,null", "null");
    assert.equal(summaryEntries(text, [POD]), [], text);
  }
  for (const pods of [undefined, null, {}, "x"]) assert.equal(summaryEntries(JSON.stringify({ pods }), [POD]), []);
  for (const text of ["", "[]", "null", "<html>", "{"]) assert.throws(() => summaryEntries(text, [POD]), /no summary/);
});

test("M-63: cAdvisor's samples of the container under their own names, with their labels", () => {
  const date = "2026-11-20T23:35:10.000000Z";
  const reader = new CadvisorReader([POD], date);
  const labels = 'container="main",cpu="total",namespace="default",pod="worker-0"';
  const text = `# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{${labels}} 0.188236813 1795217710000
container_cpu_usage_seconds_total{container="side",namespace="default",pod="worker-0"} 1
container_cpu_usage_seconds_total{container="main",namespace="other",pod="worker-0"} 1
container_cpu_usage_seconds_total{container="",namespace="default",pod="worker-0"} 1
${"x".repeat(51)}{${labels}} 1
container_spec_memory_limit_bytes{container="main",namespace="default",pod="worker-0"} 0
what is no sample
container_memory_rss{container="main",namespace="default",pod="worker-0"} NaN
`;
  for (const byte of Buffer.from(text)) reader.push(Buffer.from([byte]));
  reader.end();
  assert.equal(reader.entries, [
    {
      ...{ owner: "pod:u1", name: "container_cpu_usage_seconds_total", date, value: "0.188236813", cumulative: true },
      metadata: '{"container":"main","cpu":"total","namespace":"default","pod":"worker-0"}',
    },
    {
      ...{ owner: "pod:u1", name: "container_spec_memory_limit_bytes", date, value: "0", cumulative: false },
      metadata: '{"container":"main","namespace":"default","pod":"worker-0"}',
    },
    {
      ...{ owner: "pod:u1", name: "container_memory_rss", date, value: "NaN", cumulative: false },
      metadata: '{"container":"main","namespace":"default","pod":"worker-0"}',
    },
  ]);
});

test("M-61: kubelets are asked by HTTPS with the account's token, again and again, and for cAdvisor only where that is wanted", async () => {
  const asked: string[] = [];
  const port = await kubelet((request, response) => {
    asked.push(`${request.url} ${request.headers.authorization}`);
    if (request.url === "/stats/summary") response.end(JSON.stringify({ pods: [podStats("u1")] }));
    else response.end('container_memory_rss{container="main",namespace="default",pod="worker-0"} 7\n');
  });
  const plain = collector({ pods: () => [POD, { ...POD, uid: "u2", hostIp: "" }], port });
  plain.collector.start();
  await until(() => plain.stored.length >= 3, WAIT_MS, { describe: "three readings" });
  await plain.collector.stop();
  assert.equal([...new Set(asked)], ["/stats/summary Bearer of-the-test"]);
  assert.equal(
    plain.stored[0]?.map(({ name }) => name),
    ["cpu", "memory", "network_in", "network_out"],
  );
  const count = plain.stored.length;
  const both = collector({ pods: () => [POD], port, cadvisor: true });
  both.collector.start();
  await until(() => both.stored.flat().some(({ name }) => name === "container_memory_rss"), WAIT_MS, {
    describe: "a sample of cAdvisor",
  });
  await both.collector.stop();
  assert.ok(asked.includes("/metrics/cadvisor Bearer of-the-test"));
  assert.is(plain.stored.length, count, "nothing more after the stop");
});

test("M-61: port 10255 is spoken to without TLS and without the token", async () => {
  const seen: unknown[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end(JSON.stringify({ pods: [podStats("u1")] }));
  });
  // An address that no other test, nor this one in another process, and no real kubelet has.
  const hostIp = `127.77.${process.pid % 254}.${1 + (Math.floor(process.pid / 254) % 254)}`;
  server.listen(10_255, hostIp);
  servers.push(server);
  await once(server, "listening");
  const open = collector({ pods: () => [{ ...POD, hostIp }], port: 10_255 });
  open.collector.start();
  await until(() => open.stored.length > 0, WAIT_MS, { describe: "a reading" });
  await open.collector.stop();
  assert.is(seen[0], undefined);
});

test("M-61: a node that hangs or fails delays and harms no other, is told once, and is given up after four seconds", async () => {
  let isWell = false;
  const hanging = { now: 0, most: 0 };
  const port = await kubelet(summary(podStats("u1")), 0, "127.0.0.1");
  await kubelet(
    (request, response) => {
      if (isWell) return void summary(podStats("u2"))(request, response);
      hanging.now += 1;
      hanging.most = Math.max(hanging.most, hanging.now);
      response.once("close", () => {
        hanging.now -= 1;
      });
      response.write('{"pods":[');
    },
    port,
    "127.0.0.2",
  );
  await kubelet((_, response) => void response.writeHead(403).end("no"), port, "127.0.0.3");
  const pods = [POD, { ...POD, uid: "u2", hostIp: "127.0.0.2" }, { ...POD, uid: "u3", hostIp: "127.0.0.3" }];
  const { collector: made, stored, logged } = collector({ pods: () => pods, port });
  const warnings = (address: string): Logged[] =>
    logged.filter(({ level, fields }) => level === "warn" && fields.node === address);
  made.start();
  await until(() => stored.length >= 5, WAIT_MS, { describe: "readings of the node that is well" });
  await until(() => warnings("127.0.0.2").length > 0, WAIT_MS, { describe: "the node that hangs is given up" });
  assert.is(hanging.most, 1, "not asked again while it hangs");
  assert.match(String(warnings("127.0.0.2")[0]?.fields.err), /did not answer completely within 4 s/);
  assert.match(String(warnings("127.0.0.3")[0]?.fields.err), /HTTP 403; .*nodes\/stats/);
  isWell = true;
  await until(() => stored.flat().some(({ owner }) => owner === "pod:u2"), WAIT_MS, { describe: "it is read again" });
  await made.stop();
  assert.is(warnings("127.0.0.3").length, 1, "told once");
  assert.ok(logged.some(({ level, fields }) => level === "info" && fields.node === "127.0.0.2"));
  assert.ok(!JSON.stringify(logged).includes("of-the-test"));
});

test("M-61: an answer without end, or that is none, is a failure of that node only", async () => {
  const answers: RequestListener[] = [
    (_, response) => {
      const piece = Buffer.alloc(1024 * 1024, 32);
      const more = (): void => {
        while (!response.destroyed && response.write(piece));
      };
      response.on("drain", more);
      more();
    },
    (_, response) => void response.writeHead(302, { location: "https://elsewhere.example.org/" }).end(),
    (_, response) => void response.end("<html>"),
    (request) => void request.socket.destroy(),
  ];
  const expected = [/more than 16 MiB|within 4 s/, /HTTP 302/, /no summary/, /hang up|ECONNRESET/];
  for (const [index, answer] of answers.entries()) {
    const port = await kubelet(answer);
    const { collector: made, stored, logged } = collector({ pods: () => [POD], port });
    made.start();
    const warning = (): Logged | undefined => logged.find(({ level }) => level === "warn");
    await until(() => warning() !== undefined, WAIT_MS, { describe: "a warning" });
    await made.stop();
    assert.match(String(warning()?.fields.err), expected[index] ?? /^$/);
    assert.equal(stored, []);
  }
});

test("only the active instance collects, and a stop ends what hangs", async () => {
  let isActive = false;
  let asked = 0;
  const port = await kubelet(() => {
    asked += 1;
  });
  let looked = 0;
  const { collector: made } = collector({
    pods: () => [POD],
    port,
    isActive: () => {
      looked += 1;
      return isActive;
    },
  });
  made.start();
  await until(() => looked >= 3, WAIT_MS, { describe: "three rounds" });
  assert.is(asked, 0);
  isActive = true;
  await until(() => asked === 1, WAIT_MS, { describe: "the kubelet is asked" });
  const before = performance.now();
  await made.stop();
  assert.ok(performance.now() - before < 3_500, "it did not wait for the kubelet");
});

test.run();
