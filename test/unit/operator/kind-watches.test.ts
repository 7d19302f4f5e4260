import { Registry } from "prom-client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KubeClient } from "../../../kube/client.ts";
import type { WatchOptions } from "../../../kube/client-options.ts";
import { KubeError } from "../../../kube/errors.ts";
import { silentLogger } from "../../../kube/logger.ts";
import type { Change } from "../../../kube/object-cache.ts";
import type { KubeObject } from "../../../kube/resource.ts";
import { KindWatches } from "../../../operator/kind-watches.ts";
import type { CachedObject } from "../../../operator/kinds/object-state.ts";
import { until } from "../../support/deadline.ts";

const watches = suite("watches on kinds that come and go");
const WAIT_MS = 60_000;
const PYTORCH = "/apis/kubeflow.org/v1/namespaces/ns/pytorchjobs";

/** An API server whose kinds, and whose rights, change while it is looked at. */
class FakeServer {
  readonly plurals = new Map<string, string[]>();
  readonly forbidden = new Set<string>();
  items: KubeObject[] = [];
  looks = 0;
  readonly listed: string[] = [];

  async get(path: string): Promise<unknown> {
    if (path === "/apis") {
      this.looks += 1;
      const groups = [...this.plurals.keys()].map((name) => name.split("/"));
      return { groups: groups.map(([name, version]) => ({ name, versions: [{ version }] })) };
    }
    return { resources: this.plurals.get(path.slice("/apis/".length))?.map((name) => ({ name })) ?? [] };
  }

  async listPage(path: string): Promise<unknown> {
    this.listed.push(path);
    if (this.forbidden.has(path))
      throw new KubeError({ code: 403, reason: "Forbidden", category: "forbidden", message: "no" });
    return { items: path === PYTORCH ? this.items : [], metadata: { resourceVersion: "1" } };
  }

  watch(_path: string, { signal }: WatchOptions): Promise<void> {
    return new Promise((_, reject) => {
      const end = (): void => reject(new KubeError({ code: 0, reason: "Aborted", category: "aborted", message: "" }));
      if (signal.aborted) end();
      else signal.addEventListener("abort", end, { once: true });
    });
  }
}

async function watching(server: FakeServer, lookEveryMs: number): Promise<KindWatches> {
  const kinds = new KindWatches({
    client: server as unknown as KubeClient,
    namespace: "ns",
    logger: silentLogger,
    registry: new Registry(),
    lookEveryMs,
  });
  await kinds.start();
  return kinds;
}

const untilChosen = (kinds: KindWatches, wanted: string): Promise<unknown> =>
  until(() => kinds.choose("PyTorchJob").kind, WAIT_MS, {
    describe: `PyTorchJob is ${wanted}`,
    accept: (kind) => kind === wanted,
  });

watches("Pods and Jobs are there in every cluster, and nothing else is watched where it is not served", async () => {
  const server = new FakeServer();
  const kinds = await watching(server, 60_000);
  assert.equal([kinds.choose("Pod").kind, kinds.choose("Job").kind], ["form", "form"]);
  assert.equal([...new Set(server.listed)], ["/apis/batch/v1/namespaces/ns/jobs"]);
  const choice = kinds.choose("ElasticJob");
  assert.equal(choice, {
    kind: "unserved",
    message:
      "this cluster does not serve ElasticJob; install the TorchElastic controller or the Kubeflow training operator (v1)",
  });
  await kinds.stop();
});

watches("O-174: a kind that may not be listed is said to be so, and is watched once it may", async () => {
  const server = new FakeServer();
  server.plurals.set("kubeflow.org/v1", ["pytorchjobs"]);
  server.forbidden.add(PYTORCH);
  const kinds = await watching(server, 20);
  assert.equal(kinds.choose("PyTorchJob"), {
    kind: "notWatched",
    message:
      "the operator may not list pytorchjobs.kubeflow.org; give its service account the rights to list and watch them",
  });
  server.forbidden.clear();
  await untilChosen(kinds, "form");
  await kinds.stop();
});

watches("O-174: a kind that is taken away is no longer watched, and its objects are gone", async () => {
  const server = new FakeServer();
  server.plurals.set("kubeflow.org/v1", ["pytorchjobs"]);
  server.items = [{ metadata: { name: "x--a", namespace: "ns", uid: "u", resourceVersion: "1" } }];
  const kinds = await watching(server, 20);
  const changes: Change<CachedObject>[] = [];
  kinds.onChange((change) => changes.push(change));
  assert.is(kinds.find("ns/x--a", "u")?.metadata.name, "x--a");
  assert.is(kinds.find("ns/x--a", "another"), undefined);
  server.plurals.clear();
  await untilChosen(kinds, "unserved");
  await until(() => changes.length, WAIT_MS, { describe: "the deletion is told" });
  assert.equal(
    changes.map(({ type, key }) => [type, key]),
    [["deleted", "ns/x--a"]],
  );
  assert.is(kinds.find("ns/x--a", "u"), undefined);
  server.plurals.set("kubeflow.org/v1", ["pytorchjobs"]);
  await untilChosen(kinds, "form");
  await kinds.stop();
});

watches("a look is taken before a kind is called unserved, and many who ask share it", async () => {
  const server = new FakeServer();
  const kinds = await watching(server, 60_000);
  server.plurals.set("kubeflow.org/v1", ["pytorchjobs"]);
  assert.is(kinds.choose("PyTorchJob").kind, "unserved");
  const choices = await Promise.all(Array.from({ length: 50 }, () => kinds.chooseNow("PyTorchJob")));
  assert.ok(choices.every(({ kind }) => kind === "form"));
  assert.ok(server.looks <= 4, `${server.looks} looks`);
  await kinds.stop();
});
watches.run();
