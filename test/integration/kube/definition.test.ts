import { randomBytes } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KubeClient } from "../../../kube/client.ts";
import { applyDefinition } from "../../../kube/definition.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { Informer } from "../../../kube/informer.ts";
import { collectionPath, type Resource } from "../../../kube/resource.ts";
import { until, within } from "../../support/deadline.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { recordingLogger, rejection, testClient } from "./test-client.ts";

/** For the server to take a definition and to serve it, however busy it is. */
const DEADLINE_MS = 120_000;
const suffix = randomBytes(3).toString("hex");
const WIDGET: Resource = {
  group: `test-${suffix}.example.com`,
  version: "v1",
  plural: "widgets",
  kind: "Widget",
  namespaced: true,
};
const name = `${WIDGET.plural}.${WIDGET.group}`;
const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;

function definition(size: object, names: Record<string, unknown> = {}) {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name },
    spec: {
      group: WIDGET.group,
      scope: "Namespaced",
      names: { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList", ...names },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: {
                spec: {
                  type: "object",
                  properties: { size },
                  "x-kubernetes-validations": [{ rule: "self.size < 10", message: "size must be below 10" }],
                },
              },
            },
          },
        },
      ],
    },
  };
}

let client: KubeClient;
let proxy: FaultProxy;
const definitions = suite("custom resource definitions");

definitions.before(async () => {
  client = testClient();
  proxy = await FaultProxy.start();
});

definitions.before.each(() => {
  proxy.decide = () => ({ kind: "forward" });
});

definitions.after(async () => {
  await client.delete(path).catch(() => undefined);
  client.close();
  await proxy.stop();
});

definitions("an informer waits for a CRD that is not there, with a message, and starts when it comes", async () => {
  const { logger, text } = recordingLogger();
  const informer = new Informer({
    client,
    resource: WIDGET,
    project: (raw) => ({ metadata: raw.metadata }),
    logger,
    timings: { missingRetryMs: 100 },
  });
  informer.start();
  try {
    await until(() => text().includes("is its CRD installed?"), 60_000, { describe: "a message" });
    assert.not(informer.hasSynced);
    await applyDefinition(client, definition({ type: "integer" }), { deadlineMs: DEADLINE_MS, logger });
    await within(60_000, () => informer.synced);
    await client.create(collectionPath(WIDGET, "default"), {
      apiVersion: `${WIDGET.group}/v1`,
      kind: "Widget",
      metadata: { name: "w" },
      spec: { size: 1 },
    });
    await until(() => informer.get("default/w"), 60_000, { describe: "the widget in the cache" });
  } finally {
    await informer.stop();
  }
});

definitions("applying again brings a change to the server and keeps what typed clients lose (F-30)", async () => {
  const { logger } = recordingLogger();
  await applyDefinition(client, definition({ type: "integer", maximum: 5 }), { deadlineMs: DEADLINE_MS, logger });
  const create = (size: number) =>
    rejection(
      client
        .create(`${collectionPath(WIDGET, "default")}?dryRun=All`, {
          apiVersion: `${WIDGET.group}/v1`,
          kind: "Widget",
          metadata: { name: `s${size}` },
          spec: { size },
        })
        .then(() => Promise.reject(new Error("accepted"))),
    );
  await until(async () => String(await create(7)), 60_000, {
    describe: "the new maximum",
    accept: (answer) => /less than or equal to 5/.test(answer),
  });
  assert.match(String(await create(12)), /size must be below 10|less than or equal to 5/);
  const stored = JSON.stringify(await client.get(path));
  assert.match(stored, /x-kubernetes-validations/);
});

definitions("an API server that is starting is waited for", async () => {
  const { logger, text } = recordingLogger();
  const proxied = testClient({ kubeConfig: proxy.kubeConfig() });
  let answers = 2;
  proxy.decide = () => (answers-- > 0 ? { kind: "answer", status: 503, body: "starting" } : { kind: "forward" });
  await applyDefinition(proxied, definition({ type: "integer" }), { deadlineMs: DEADLINE_MS, logger });
  assert.match(text(), /not ready yet/);
  proxied.close();
});

definitions("failures are loud: invalid schema, missing rights, refused names, no Established in time", async () => {
  const { logger } = recordingLogger();
  const apply = (crd: object, using = client, deadlineMs = DEADLINE_MS) =>
    rejection(applyDefinition(using, crd, { deadlineMs, logger }));
  const invalid = await apply(definition({ type: "nonsense" }));
  assert.ok(isKubeError(invalid, "invalid") && invalid.message.includes(name), String(invalid));
  const proxied = testClient({ kubeConfig: proxy.kubeConfig() });
  const body = JSON.stringify({ kind: "Status", code: 403, reason: "Forbidden", message: "cannot patch" });
  proxy.decide = () => ({ kind: "answer", status: 403, body });
  assert.match(String(await apply(definition({ type: "integer" }), proxied)), /install the CRDs beforehand/);
  const withConditions = (...conditions: object[]) => {
    proxy.decide = () => ({ kind: "answer", status: 200, body: JSON.stringify({ status: { conditions } }) });
  };
  withConditions({ type: "NamesAccepted", status: "False", reason: "ListKindConflict", message: "taken" });
  assert.match(String(await apply(definition({ type: "integer" }), proxied)), /ListKindConflict.*taken/);
  withConditions({ type: "Established", status: "False", reason: "Installing" });
  assert.match(
    String(await apply(definition({ type: "integer" }), proxied, 300)),
    /did not become Established within 300 ms; its conditions: Established=False Installing/,
  );
  assert.match(String(await apply({}, proxied)), /no metadata.name/);
  proxied.close();
});

definitions("an informer outlives the removal of its CRD (F-30)", async () => {
  const { logger, lines, text } = recordingLogger();
  const quick = { missingRetryMs: 100, backoff: { baseMs: 50, capMs: 200 } };
  const informer = new Informer({
    client,
    resource: WIDGET,
    project: (raw) => ({ metadata: raw.metadata }),
    logger,
    timings: quick,
  });
  informer.start();
  try {
    await within(60_000, () => informer.synced);
    assert.is(informer.size, 1);
    await client.delete(path);
    await until(() => text().includes("is its CRD installed?"), 60_000, { describe: "a message" });
    await until(() => rejection(client.get(path)), 60_000, {
      describe: "the CRD is gone",
      accept: (error) => isKubeError(error, "notFound"),
    });
    const before = lines.length;
    await applyDefinition(client, definition({ type: "integer" }), { deadlineMs: DEADLINE_MS, logger });
    // The server serves the kind a moment after it has said so; the cache may have been empty since the removal.
    await until(() => lines.slice(before).some(({ msg }) => msg === "the collection was listed"), 60_000, {
      describe: "a list of the new kind",
    });
    assert.is(informer.size, 0);
    await client.create(collectionPath(WIDGET, "default"), {
      apiVersion: `${WIDGET.group}/v1`,
      kind: "Widget",
      metadata: { name: "again" },
      spec: { size: 1 },
    });
    await until(() => informer.get("default/again"), 60_000, { describe: "the new widget" });
  } finally {
    await informer.stop();
  }
});

definitions.run();
