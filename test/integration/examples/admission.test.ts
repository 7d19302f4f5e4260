import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { within } from "../../support/deadline.ts";
import { kubectl } from "../../support/kubectl.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";

const EXAMPLES = join(import.meta.dirname, "../../../../examples");
const admission = suite("the API server takes the examples as they are");
let namespace: TemporaryNamespace;

admission.before(async () => {
  namespace = await temporaryNamespace("examples");
  // A controller makes it; the API server refuses a pod that has waited for it for a second or two.
  await kubectl("wait", "--for=create", "serviceaccount/default", "--namespace", namespace.name, "--timeout=120s");
});
admission.after(() => namespace.remove());

const manifests = readdirSync(EXAMPLES, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".yaml"));
for (const path of manifests) {
  admission(path, () =>
    within(180_000, async () => {
      // Strict validation: a field that the schema does not know is an error here and not a warning.
      const args = ["apply", "--dry-run=server", "--validate=strict", "--namespace", namespace.name];
      assert.match(await kubectl(...args, "-f", join(EXAMPLES, path)), /created \(server dry run\)/);
    }),
  );
}

admission("there is one for every example", () => {
  const names = readdirSync(EXAMPLES, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of names) {
    // A directory without a main.yml holds no job.
    if (existsSync(join(EXAMPLES, name, "main.yml"))) assert.ok(manifests.includes(join(name, "pipeline.yaml")), name);
  }
});

admission.run();
