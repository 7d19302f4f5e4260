/** Labels wanted, as Kubernetes writes them. */
export interface Selector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

interface Peer {
  podSelector?: Selector;
  namespaceSelector?: Selector;
  ipBlock?: { cidr: string; except?: string[] };
}
interface Port {
  protocol?: string;
  port?: number | string;
  endPort?: number;
}

/** What a NetworkPolicy (networking.k8s.io/v1) says, as far as it decides about packets. */
export interface Policy {
  metadata: { name: string; namespace: string };
  spec: {
    podSelector?: Selector;
    policyTypes?: string[];
    ingress?: { from?: Peer[]; ports?: Port[] }[];
    egress?: { to?: Peer[]; ports?: Port[] }[];
  };
}

/** A pod, as far as packets to and from it are concerned. */
export interface PolicedPod {
  metadata: { name: string; namespace: string; labels?: Record<string, string> };
  spec?: {
    hostNetwork?: boolean;
    containers?: { ports?: { name?: string; containerPort: number; protocol?: string }[] }[];
  };
  status?: { phase?: string; podIP?: string };
}

/** A namespace with its labels. */
export interface PolicedNamespace {
  metadata: { name: string; labels?: Record<string, string> };
}

/** What the rules follow from. */
export interface PolicyInputs {
  policies: readonly Policy[];
  pods: readonly PolicedPod[];
  namespaces: readonly PolicedNamespace[];
}

/** The chain that every packet to, from and between pods has to pass. */
export const POLICY_CHAIN = "ODIN-POLICY";

/**
 * The input of `iptables-restore --noflush` that enforces the policies: a pod that a policy selects gets a chain of its own
 * per direction, which drops what no policy allows. Packets are dropped, not rejected, so that a peer that is known a
 * moment later only waits for a retransmission. Answers on allowed connections pass, as do the node's own packets.
 */
export function policyRules(inputs: PolicyInputs): string {
  const chains: string[] = [];
  const rules = [`-A ${POLICY_CHAIN} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN`];
  for (const pod of inputs.pods.filter(hasNetwork)) {
    const address = addressOf(pod);
    for (const direction of ["Egress", "Ingress"] as const) {
      const policies = inputs.policies.filter((policy) => selects(policy, pod) && isOf(policy, direction));
      if (policies.length === 0) continue;
      const chain = `ODIN-${direction === "Egress" ? "E" : "I"}-${address}`;
      chains.push(chain);
      rules.push(`-A ${POLICY_CHAIN} ${direction === "Egress" ? "-s" : "-d"} ${address} -j ${chain}`);
      const allowed = policies.flatMap((policy) => allowedBy(policy, direction, pod, inputs));
      for (const match of new Set(allowed)) rules.push(`-A ${chain}${match} -j RETURN`);
      rules.push(`-A ${chain} -j DROP`);
    }
  }
  const declared = [POLICY_CHAIN, ...chains].map((chain) => `:${chain} - [0:0]`);
  return ["*mangle", ...declared, ...rules, "COMMIT", ""].join("\n");
}

function hasNetwork({ spec, status }: PolicedPod): boolean {
  const ended = status?.phase === "Succeeded" || status?.phase === "Failed";
  return status?.podIP !== undefined && spec?.hostNetwork !== true && !ended;
}

const addressOf = (pod: PolicedPod): string => pod.status?.podIP ?? "";

function selects({ metadata, spec }: Policy, pod: PolicedPod): boolean {
  return metadata.namespace === pod.metadata.namespace && matches(spec.podSelector ?? {}, pod.metadata.labels ?? {});
}

function isOf({ spec }: Policy, direction: "Egress" | "Ingress"): boolean {
  const types = spec.policyTypes ?? (spec.egress === undefined ? ["Ingress"] : ["Ingress", "Egress"]);
  return types.includes(direction);
}

/** The matches of the packets that one policy lets through, each with a space before it. */
function allowedBy(policy: Policy, direction: "Egress" | "Ingress", pod: PolicedPod, inputs: PolicyInputs): string[] {
  const rules =
    direction === "Egress"
      ? (policy.spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }))
      : (policy.spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }));
  const flag = direction === "Egress" ? "-d" : "-s";
  return rules.flatMap(({ peers, ports }) => {
    const others: { match: string; pod?: PolicedPod }[] =
      peers === undefined || peers.length === 0
        ? [{ match: "" }]
        : peers.flatMap((peer) => peersOf(peer, policy.metadata.namespace, inputs, flag));
    return others.flatMap((other) =>
      portMatches(ports, direction === "Ingress" ? pod : other.pod).map((port) => `${other.match}${port}`),
    );
  });
}

function peersOf(
  peer: Peer,
  namespace: string,
  { pods, namespaces }: PolicyInputs,
  flag: string,
): { match: string; pod?: PolicedPod }[] {
  if (peer.ipBlock) {
    const { cidr, except = [] } = peer.ipBlock;
    const ranges = except.reduce((left, gap) => left.flatMap((range) => without(range, parsed(gap))), [parsed(cidr)]);
    return ranges.map((range) => ({ match: ` ${flag} ${written(range)}` }));
  }
  const { namespaceSelector } = peer;
  const names =
    namespaceSelector === undefined
      ? [namespace]
      : namespaces
          .filter(({ metadata }) => matches(namespaceSelector, metadata.labels ?? {}))
          .map(({ metadata }) => metadata.name);
  return pods
    .filter((pod) => hasNetwork(pod) && names.includes(pod.metadata.namespace))
    .filter((pod) => matches(peer.podSelector ?? {}, pod.metadata.labels ?? {}))
    .map((pod) => ({ match: ` ${flag} ${addressOf(pod)}`, pod }));
}

/** A port that the target does not have by that name matches nothing. */
function portMatches(ports: Port[] | undefined, target: PolicedPod | undefined): string[] {
  if (ports === undefined || ports.length === 0) return [""];
  return ports.flatMap(({ protocol = "TCP", port, endPort }) => {
    const match = ` -p ${protocol.toLowerCase()}`;
    if (port === undefined) return [match];
    const number = typeof port === "number" ? port : namedPort(target, port, protocol);
    if (number === undefined) return [];
    return [`${match} --dport ${endPort === undefined ? number : `${number}:${endPort}`}`];
  });
}

function namedPort(pod: PolicedPod | undefined, name: string, protocol: string): number | undefined {
  const ports = (pod?.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  return ports.find((port) => port.name === name && (port.protocol ?? "TCP") === protocol)?.containerPort;
}

function matches({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Record<string, string>): boolean {
  const byExpression = matchExpressions.every(({ key, operator, values = [] }) => {
    const value = labels[key];
    if (operator === "Exists") return value !== undefined;
    if (operator === "DoesNotExist") return value === undefined;
    const isIn = value !== undefined && values.includes(value);
    return operator === "In" ? isIn : !isIn;
  });
  return byExpression && Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
}

interface Range {
  start: number;
  bits: number;
}

const sizeOf = ({ bits }: Range): number => 2 ** (32 - bits);

function parsed(cidr: string): Range {
  const [address = "", bits = "32"] = cidr.split("/");
  const range = { start: address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0), bits: Number(bits) };
  return { ...range, start: range.start - (range.start % sizeOf(range)) };
}

function written({ start, bits }: Range): string {
  return `${[24, 16, 8, 0].map((shift) => (start >>> shift) & 255).join(".")}/${bits}`;
}

/** The ranges that are left of one when another is taken out of it. */
function without(range: Range, gap: Range): Range[] {
  const isApart = range.start + sizeOf(range) <= gap.start || gap.start + sizeOf(gap) <= range.start;
  if (isApart) return [range];
  if (gap.bits <= range.bits) return [];
  const half = { start: range.start, bits: range.bits + 1 };
  return [half, { ...half, start: half.start + sizeOf(half) }].flatMap((part) => without(part, gap));
}
