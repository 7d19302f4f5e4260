import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { baseImages, PYTHON_IMAGE } from "../../local/images.ts";
import { loadImages } from "../../local/node-images.ts";
import { silentProgress } from "../../local/progress.ts";
import { kubectl, kubectlApply, testVariable } from "../support/kubectl.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";

const execute = promisify(execFile);
const IMAGE = "docker.io/library/odin-loaded:test";

const test = suite<{ namespace: TemporaryNamespace; temporary: TemporaryDirectory }>("images of the local cluster");
test.before(async (context) => {
  context.namespace = await temporaryNamespace("images");
  context.temporary = await temporaryDirectory();
});
test.after(async ({ namespace, temporary }) => {
  await namespace.remove();
  await temporary.remove();
});

interface ManifestEntry {
  Config: string;
  RepoTags: string[];
  Layers: string[];
}

test("an archive that is loaded into a running cluster gives pods its image", async ({ namespace, temporary }) => {
  const archive = join(temporary.path, "archive.tar");
  await execute("tar", ["-xf", await baseImages(silentProgress), "-C", temporary.path]);
  const manifest = join(temporary.path, "manifest.json");
  const entries: ManifestEntry[] = JSON.parse(await readFile(manifest, "utf8"));
  const python = entries.find((entry) => entry.RepoTags.includes(PYTHON_IMAGE));
  assert.ok(python);
  await writeFile(manifest, JSON.stringify([{ ...python, RepoTags: [IMAGE] }]));
  await execute("tar", ["-C", temporary.path, "-cf", archive, python.Config, ...python.Layers, "manifest.json"]);

  await loadImages(dirname(testVariable("KUBECONFIG")), [archive]);
  const main = { name: "main", image: IMAGE, imagePullPolicy: "Never", command: ["echo", "loaded"] };
  await kubectlApply(namespace.name, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "loaded" },
    spec: { restartPolicy: "Never", containers: [main] },
  });
  await kubectl(
    "wait",
    "--for=jsonpath={.status.phase}=Succeeded",
    "pod/loaded",
    "-n",
    namespace.name,
    "--timeout=120s",
  );
  assert.is(await kubectl("logs", "loaded", "-n", namespace.name), "loaded\n");
});

test("an archive that is not there, and a directory without a cluster, are named", async ({ temporary }) => {
  const missing = join(temporary.path, "missing.tar");
  for (const [dir, archives, message] of [
    [dirname(testVariable("KUBECONFIG")), [missing], /no image archive .*missing\.tar/],
    [join(temporary.path, "nothing"), [], /no cluster with a node runs in .*nothing/],
  ] as const) {
    const outcome = await loadImages(dir, archives).catch((error: unknown) => error);
    assert.match(String(outcome), message);
  }
});

test.run();
