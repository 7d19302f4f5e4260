import * as yaml from "js-yaml";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { within } from "../../support/deadline.ts";
import { blocksOf, documents } from "../../support/documents.ts";
import { kubectlDryRun } from "../../support/kubectl.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";

const manifests = suite("the API server takes the objects of the documentation");
let namespace: TemporaryNamespace;

manifests.before(async () => {
  namespace = await temporaryNamespace("docs");
});
manifests.after(() => namespace.remove());

/** A list of tasks or a spec, as a fragment shows it, made whole. */
function whole(fragment: unknown): object[] {
  if (typeof fragment !== "object" || fragment === null) return [];
  if ("apiVersion" in fragment) return [fragment];
  if ("spec" in fragment) {
    return [{ apiVersion: "odin.io/v1", kind: "Pipeline", metadata: { name: "fragment" }, spec: fragment.spec }];
  }
  const task = { name: "fragment", image: "python:3.11-slim", command: ["python3"], ...fragment };
  return [{ apiVersion: "odin.io/v1", kind: "Pipeline", metadata: { name: "fragment" }, spec: { tasks: [task] } }];
}

/** The namespaces that a page names are its reader's. */
function withoutNamespace(object: object): object {
  if (!("metadata" in object)) return object;
  const { namespace: _, ...metadata } = object.metadata as { namespace?: string };
  return { ...object, metadata };
}

for (const document of documents()) {
  const blocks = blocksOf(document).flatMap(({ language, text }) => {
    if (language === "yaml") return [text];
    return [...text.matchAll(/<<'YAML'\n([\s\S]*?)^YAML$/gm)].map((match) => match[1] ?? "");
  });
  if (blocks.length === 0) continue;
  manifests(document, () =>
    within(300_000, async () => {
      for (const block of blocks) {
        for (const object of yaml.loadAll(block).flatMap(whole)) {
          const said = await kubectlDryRun(namespace.name, withoutNamespace(object));
          assert.match(said, /created \(server dry run\)/);
        }
      }
    }),
  );
}

manifests.run();
