import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MasterLabel, masterLabels } from "../../../../api/mlbench/master-label.ts";
import type { KubeClient } from "../../../../kube/client.ts";
import { KubeError } from "../../../../kube/errors.ts";
import { silentLogger } from "../../../../kube/logger.ts";
import { until } from "../../../support/deadline.ts";

const WAIT_MS = 60_000;
const RELEASE = "rel";
const test = suite("the labels of the one pod to ask");

type Labels = Record<string, string | null>;

/** Pods with labels, as the API server has them; it counts the patches, and refuses as many as it is told. */
class Pods {
  readonly labels = new Map<string, Record<string, string>>();
  patches = 0;
  refusals = 0;

  constructor(...names: string[]) {
    for (const name of names) this.labels.set(name, { "app.kubernetes.io/name": "odin" });
  }

  get labelled(): string {
    const wanted = Object.entries(masterLabels(RELEASE));
    const all = [...this.labels].filter(([, labels]) => wanted.every(([key, value]) => labels[key] === value));
    return all.map(([name]) => name).join();
  }

  get client(): KubeClient {
    const get = async (): Promise<object> => ({
      items: this.labelled.split(",").flatMap((name) => (name === "" ? [] : [{ metadata: { name } }])),
    });
    const patch = async (path: string, _: string, body: { metadata: { labels: Labels } }): Promise<void> => {
      if (this.refusals > 0) {
        this.refusals -= 1;
        throw new KubeError({ code: 403, reason: "Forbidden", category: "forbidden", message: "no" });
      }
      this.patches += 1;
      const labels = this.labels.get(path.slice(path.lastIndexOf("/") + 1));
      assert.ok(labels, path);
      for (const [key, value] of Object.entries(body.metadata.labels)) {
        if (value === null) delete labels[key];
        else labels[key] = value;
      }
    };
    return { get, patch } as unknown as KubeClient;
  }
}

const label = (pods: Pods, pod: string | undefined): MasterLabel =>
  new MasterLabel({
    client: pods.client,
    namespace: "odin",
    pod,
    release: RELEASE,
    logger: silentLogger,
    recheckMs: 20,
  });

const shows = (pods: Pods, names: string): Promise<unknown> =>
  until(() => pods.labelled === names, WAIT_MS, { describe: `the labels are on ${names}` });

test("M-70: the active one's pod has the labels, whatever somebody does to them", async () => {
  const pods = new Pods("a", "b");
  const own = label(pods, "a");
  own.follow(true);
  await shows(pods, "a");
  pods.labels.set("a", {});
  await shows(pods, "a");
  pods.labels.set("b", masterLabels(RELEASE));
  await shows(pods, "a");
  await own.stop();
  assert.is(pods.labelled, "");
  const { patches } = pods;
  await new Promise((done) => setTimeout(done, 100));
  assert.is(pods.patches, patches, "nothing after the stop");
});

test("M-70: while nothing has changed nothing is written, and who is not active any more looks no longer", async () => {
  const pods = new Pods("a", "b");
  const own = label(pods, "a");
  own.follow(true);
  await shows(pods, "a");
  await new Promise((done) => setTimeout(done, 200));
  assert.is(pods.patches, 1);
  own.follow(false);
  await shows(pods, "");
  const other = label(pods, "b");
  other.follow(true);
  await shows(pods, "b");
  await new Promise((done) => setTimeout(done, 100));
  assert.is(pods.labelled, "b");
  await other.stop();
  await own.stop();
});

test("M-70: what is refused is tried again; without a pod of our own nothing is asked", async () => {
  const pods = new Pods("a");
  pods.refusals = 1;
  const own = label(pods, "a");
  own.follow(true);
  await shows(pods, "a");
  await own.stop();
  const none = label(pods, undefined);
  none.follow(true);
  await none.stop();
  assert.is(pods.labelled, "");
});

test.run();
