import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type PolicedPod, type Policy, policyRules } from "../../../local/network-policy-rules.ts";

const rules = suite("the packet rules of network policies");
const namespaces = [
  { metadata: { name: "a", labels: { team: "red" } } },
  { metadata: { name: "b", labels: { team: "blue" } } },
];

function pod(namespace: string, name: string, podIP: string, more: Partial<PolicedPod["status"]> = {}): PolicedPod {
  return {
    metadata: { name, namespace, labels: { app: name } },
    spec: { containers: [{ ports: [{ name: "web", containerPort: 8000 }] }] },
    status: { phase: "Running", podIP, ...more },
  };
}

const pods = [pod("a", "server", "10.0.0.1"), pod("a", "friend", "10.0.0.2"), pod("b", "stranger", "10.0.0.3")];

function linesFor(spec: Policy["spec"], among: readonly PolicedPod[] = pods): string[] {
  const policies = [{ metadata: { name: "p", namespace: "a" }, spec }];
  return policyRules({ policies, pods: among, namespaces })
    .split("\n")
    .filter((line) => line.startsWith("-A ODIN-E-") || line.startsWith("-A ODIN-I-"));
}

const toServer = { podSelector: { matchLabels: { app: "server" } } };

rules("no policy: only the chain itself, which lets everything pass", () => {
  assert.equal(policyRules({ policies: [], pods, namespaces }).split("\n"), [
    "*mangle",
    ":ODIN-POLICY - [0:0]",
    "-A ODIN-POLICY -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
    "COMMIT",
    "",
  ]);
});

rules("a policy without rules lets nothing in, and does not touch what goes out", () => {
  assert.equal(linesFor({ ...toServer }), ["-A ODIN-I-10.0.0.1 -j DROP"]);
});

rules("a peer is in the policy's own namespace unless a namespace is named; a named port is the target's", () => {
  const ports = [{ port: "web" }];
  assert.equal(linesFor({ ...toServer, ingress: [{ from: [{ podSelector: {} }], ports }] }), [
    "-A ODIN-I-10.0.0.1 -s 10.0.0.1 -p tcp --dport 8000 -j RETURN",
    "-A ODIN-I-10.0.0.1 -s 10.0.0.2 -p tcp --dport 8000 -j RETURN",
    "-A ODIN-I-10.0.0.1 -j DROP",
  ]);
  const blue = { namespaceSelector: { matchExpressions: [{ key: "team", operator: "In", values: ["blue"] }] } };
  assert.equal(linesFor({ ...toServer, ingress: [{ from: [blue], ports }] }), [
    "-A ODIN-I-10.0.0.1 -s 10.0.0.3 -p tcp --dport 8000 -j RETURN",
    "-A ODIN-I-10.0.0.1 -j DROP",
  ]);
});

rules("what is excepted from a range is cut out of it", () => {
  const to = [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.64.0.0/10", "10.192.0.0/10"] } }];
  const egress = [{ to, ports: [{ protocol: "UDP", port: 1000, endPort: 2000 }, { port: "web" }] }];
  assert.equal(linesFor({ ...toServer, policyTypes: ["Egress"], egress }), [
    "-A ODIN-E-10.0.0.1 -d 10.0.0.0/10 -p udp --dport 1000:2000 -j RETURN",
    "-A ODIN-E-10.0.0.1 -d 10.128.0.0/10 -p udp --dport 1000:2000 -j RETURN",
    "-A ODIN-E-10.0.0.1 -j DROP",
  ]);
});

rules("a rule without peers and ports lets everything pass; a pod that has ended is no peer and has no chain", () => {
  const ended = pod("a", "server", "10.0.0.1", { phase: "Succeeded" });
  assert.equal(linesFor({ ...toServer, ingress: [{}] }), [
    "-A ODIN-I-10.0.0.1 -j RETURN",
    "-A ODIN-I-10.0.0.1 -j DROP",
  ]);
  assert.equal(linesFor({ podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] }, [ended, ...pods.slice(1)]), [
    "-A ODIN-I-10.0.0.2 -s 10.0.0.2 -j RETURN",
    "-A ODIN-I-10.0.0.2 -j DROP",
  ]);
});

rules.run();
