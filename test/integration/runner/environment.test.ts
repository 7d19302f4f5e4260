import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until, within } from "../../support/deadline.ts";
import { kubectl, kubectlApply, testVariable } from "../../support/kubectl.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";

const environment = suite("the API server of the tests");
let namespace: TemporaryNamespace;

environment.before(async () => {
  namespace = await temporaryNamespace("runner");
});
environment.after(() => namespace.remove());

environment("serves the kinds of this checkout", () =>
  within(120_000, async () => {
    const kinds = (await kubectl("api-resources", "--api-group=odin.io", "--output=name")).trim().split("\n");
    assert.equal(kinds.sort(), ["jobs.odin.io", "pipelines.odin.io"]);
  }),
);

environment("stores objects in a namespace of the file", () =>
  within(120_000, async () => {
    const name = `map-${randomBytes(3).toString("hex")}`;
    await kubectlApply(namespace.name, { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { a: "1" } });
    const stored = JSON.parse(await kubectl("get", "configmap", name, "--namespace", namespace.name, "--output=json"));
    assert.is(stored.data.a, "1");
  }),
);

environment("runs the controllers", () =>
  within(120_000, async () => {
    const look = () => kubectl("get", "serviceaccounts", "--namespace", namespace.name, "--output=name");
    await until(look, 60_000, { describe: "default service account", accept: (text) => text.includes("default") });
  }),
);

environment("logs every request", () =>
  within(120_000, async () => {
    const look = () => readFile(testVariable("ODIN_TEST_AUDIT_LOG"), "utf8");
    await until(look, 60_000, {
      describe: "request for the namespace",
      accept: (text) => text.includes(namespace.name),
    });
  }),
);

environment("says what kubectl said", () =>
  within(120_000, async () => {
    try {
      await kubectl("get", "nothings.odin.io");
      assert.unreachable();
    } catch (error) {
      assert.match(
        error instanceof Error ? error.message : "",
        /^kubectl get nothings\.odin\.io: .*doesn't have a resource type/,
      );
    }
  }),
);

environment.run();
