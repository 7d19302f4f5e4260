import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/** A Go module under local/binaries that pins programs as its tools. */
export interface BinarySet {
  /** What it is to a person, completing "this machine lacks …". */
  title: string;
  /** The directory with go.mod and go.sum. */
  directory: string;
  /** Flags of `go build` and `go list`. */
  flags: string[];
  /** Where built or downloaded programs are kept; the name changes with everything that determines what they are. */
  cacheDirectory: string;
  /** The version that go.mod pins for a module. */
  versionOf(module: string): string;
}

const TITLES: Record<string, string> = {
  kubernetes: "the Kubernetes binaries",
  coredns: "the cluster's DNS server",
  kwok: "the simulator of nodes",
  "training-operator": "the Kubeflow training operator",
  versitygw: "the S3 server of the tests",
  prometheus: "the Prometheus of the tests",
  "prometheus-operator": "the Prometheus operator of the tests",
  helm: "the package manager of the chart",
};
/** Build tags. Of its ways to find targets Prometheus has only the one by Kubernetes then, and needs a third of the modules. */
const TAGS: Record<string, string> = { prometheus: "remove_all_sd,enable_kubernetes_sd" };
const SOURCES = join(import.meta.dirname, "../../local/binaries");

/** The user's cache of this product: `$XDG_CACHE_HOME/odin`, by default ~/.cache/odin. */
export function userCacheDirectory(): string {
  const configured = process.env.XDG_CACHE_HOME;
  // The base-directory specification says to ignore a relative path.
  return join(configured && isAbsolute(configured) ? configured : join(homedir(), ".cache"), "odin");
}

/** Reads the pinned set of that name. */
export async function binarySet(name: string): Promise<BinarySet> {
  const directory = join(SOURCES, name);
  const [module, sums] = await Promise.all([
    readFile(join(directory, "go.mod"), "utf8"),
    readFile(join(directory, "go.sum"), "utf8"),
  ]);
  const versionOf = (path: string) => {
    const escaped = path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const version = new RegExp(`^(?:require )?\\s*${escaped} (v\\S+)`, "m").exec(module)?.[1];
    if (version === undefined) throw new Error(`${join(directory, "go.mod")} does not require ${path}`);
    return version;
  };
  // Clients check the version that the server reports; without the last flag it would say v0.0.0.
  const version = `-X k8s.io/component-base/version.gitVersion=${name === "kubernetes" ? versionOf("k8s.io/kubernetes") : ""}`;
  const tags = TAGS[name];
  const flags = [
    ...(tags === undefined ? [] : ["-tags", tags]),
    "-trimpath",
    "-ldflags",
    name === "kubernetes" ? `-s -w ${version}` : "-s -w",
  ];
  const key = createHash("sha256")
    .update([module, sums, ...flags, process.platform, process.arch].join("\0"))
    .digest("hex")
    .slice(0, 16);
  const cacheDirectory = join(userCacheDirectory(), `${name}-${key}`);
  return { title: TITLES[name] ?? name, directory, flags, cacheDirectory, versionOf };
}
