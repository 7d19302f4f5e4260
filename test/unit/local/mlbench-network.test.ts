import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseAllDocuments } from "yaml";
import { type PolicedPod, type Policy, policyRules } from "../../../local/network-policy-rules.ts";

const test = suite("who reaches which port of an API with MLBench");

const SPACE = "research";
const API = "10.0.0.1";
const REST = 9003;
const MLBENCH = 80;

const file = new URL("../../../../test/golden/helm/mlbench.yaml", import.meta.url);
const policies = parseAllDocuments(readFileSync(file, "utf8"))
  .map((document) => document.toJS() as Policy & { kind?: string })
  .filter((one) => one?.kind === "NetworkPolicy");

function pod(ip: string, labels: Record<string, string>): PolicedPod {
  const ports = [
    { name: "api", containerPort: REST },
    { name: "mlbench", containerPort: MLBENCH },
  ];
  const namespace = policies[0]?.metadata.namespace ?? SPACE;
  return {
    metadata: { name: ip, namespace, labels },
    spec: { containers: [{ ports }] },
    status: { phase: "Running", podIP: ip },
  };
}

test("M-14: a worker reaches the port of MLBench and not that of REST; tasks and others of the namespace reach both", () => {
  const api = policies.find(({ metadata }) => metadata.name.endsWith("-api"))?.spec.podSelector?.matchLabels ?? {};
  const callers: [what: string, ip: string, labels: Record<string, string>, rest: boolean][] = [
    ["a task", "10.0.0.2", { "odin.io/task": "train" }, true],
    ["another application's worker", "10.0.0.3", { app: "queue", component: "worker" }, true],
    ["an API that is the master of MLBench", "10.0.0.4", { app: "mlbench", component: "master" }, true],
    ["a worker", "10.0.0.5", { app: "mlbench", component: "worker", release: "worn-mouse" }, false],
  ];
  const pods = [pod(API, api), ...callers.map(([, ip, labels]) => pod(ip, labels))];
  const namespaces = [{ metadata: { name: pods[0]?.metadata.namespace ?? SPACE, labels: {} } }];
  const lines = policyRules({ policies, pods, namespaces }).split("\n");
  const reaches = (ip: string, port: number): boolean =>
    lines.includes(`-A ODIN-I-${API} -s ${ip} -p tcp --dport ${port} -j RETURN`);
  for (const [what, ip, , rest] of callers) {
    assert.is(reaches(ip, REST), rest, `${what} and REST`);
    assert.is(reaches(ip, MLBENCH), true, `${what} and MLBench`);
  }
});

test.run();
