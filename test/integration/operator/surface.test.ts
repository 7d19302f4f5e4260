import type { ResourceEvent } from "@dot-i/k8s-operator";
import { KubeConfig } from "@kubernetes/client-node";
import { Registry } from "prom-client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { API_VERSION, GROUP, PIPELINE, VERSION } from "../../../crds/resources.ts";
import { KubeClient } from "../../../kube/client.ts";
import { silentLogger } from "../../../kube/logger.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import { DurableOperator } from "../../../operator/operator.ts";
import { until } from "../../support/deadline.ts";
import { testVariable } from "../../support/kubectl.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";

const FINALIZER = "odin.io/test";
const WAIT_MS = 180_000;

/** An operator as somebody would write it against the package's class. */
class Probe extends DurableOperator {
  readonly seen: string[] = [];
  readonly removed: string[] = [];
  failures = 0;
  readonly #namespace: string;

  constructor(namespace: string, kubeConfig: KubeConfig, client: KubeClient) {
    super({ kubeConfig, client, logger: silentLogger, registry: new Registry(), workers: 4 });
    this.#namespace = namespace;
  }

  protected override async init(): Promise<void> {
    await this.watchResource(GROUP, VERSION, "pipelines", (event) => this.#changed(event), this.#namespace);
  }

  async #changed(event: ResourceEvent): Promise<void> {
    const { meta, type } = event;
    this.seen.push(`${type} ${meta.name}`);
    if (type === "DELETED") return;
    const remove = async (gone: ResourceEvent): Promise<void> => {
      this.removed.push(gone.meta.name);
    };
    if (await this.handleResourceFinalizer(event, FINALIZER, remove)) return;
    const { status } = event.object as unknown as Pipeline;
    if (meta.name === "throws" && this.failures++ < 2) throw new Error("not yet");
    if (status?.message === undefined) await this.setResourceStatus(meta, { phase: "RUNNING", message: "set" });
    else if (status.reason === undefined) await this.patchResourceStatus(meta, { reason: "patched" });
  }

  /** Writes with a version that has passed. */
  async writeStale(name: string): Promise<unknown> {
    const meta = {
      id: `pipelines.${API_VERSION}`,
      name,
      namespace: this.#namespace,
      resourceVersion: "1",
      apiVersion: API_VERSION,
      kind: "Pipeline",
    };
    return await this.patchResourceStatus(meta, { reason: "stale" });
  }
}

const surface = suite("the surface of the package's operator");
let namespace: TemporaryNamespace;
let client: KubeClient;
let probe: Probe;
surface.before(async () => {
  namespace = await temporaryNamespace("surface");
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(testVariable("KUBECONFIG"));
  client = new KubeClient({ kubeConfig, userAgent: "odin-test" });
  probe = new Probe(namespace.name, kubeConfig, client);
  await probe.start();
  probe.begin();
});
surface.after(async () => {
  await probe?.stop();
  // With nobody left to take the finalizer off, the namespace would never go.
  for (const name of ["other", "throws"]) await client.patch(path(name), "merge", { metadata: { finalizers: null } });
  client?.close();
  await namespace?.remove();
});

const path = (name: string): string => objectPath(PIPELINE, namespace.name, name);

async function create(name: string): Promise<void> {
  const body = { apiVersion: API_VERSION, kind: "Pipeline", metadata: { name }, spec: { tasks: [] } };
  await client.create(collectionPath(PIPELINE, namespace.name), body);
}

async function untilPatched(name: string): Promise<Pipeline> {
  const accept = ({ status }: Pipeline): boolean => status?.reason === "patched";
  return await until(() => client.get<Pipeline>(path(name)), WAIT_MS, { describe: `${name} is patched`, accept });
}

surface("events, finalizer, and both ways of writing the status", async () => {
  await create("one");
  const { status, metadata } = await untilPatched("one");
  assert.is(status?.message, "set", "a patch keeps what it does not name");
  assert.equal(metadata.finalizers, [FINALIZER]);
  assert.is(probe.seen[0], "ADDED one");
  await client.delete(path("one"));
  await until(() => probe.seen.includes("DELETED one"), WAIT_MS, { describe: "the deletion is told" });
  assert.equal(probe.removed, ["one"], "the action ran once");
});

surface("a handler that throws is run again, and nothing else waits for it", async () => {
  await create("throws");
  await create("other");
  await untilPatched("other");
  await untilPatched("throws");
  assert.ok(probe.failures >= 3, `${probe.failures} runs`);
});

surface("a write on an old version is thrown, one on an object that is gone is null", async () => {
  try {
    await probe.writeStale("other");
    assert.unreachable("a stale write went through");
  } catch (error) {
    assert.match(String(error), /Conflict|modified/);
  }
  assert.is(await probe.writeStale("never-there"), null);
});

surface("a stop ends it without an exit, twice too", async () => {
  await probe.stop();
  await probe.stop();
  const before = probe.seen.length;
  await create("late");
  await client.get(path("late"));
  assert.is(probe.seen.length, before);
});
surface.run();
