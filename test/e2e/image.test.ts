// timeout: 1200
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Ajv } from "ajv";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../../local/command.ts";
import { loadImages } from "../../local/node-images.ts";
import { unpackedPackage } from "../../local/npm-package.ts";
import { buildProductImage, productImage } from "../../local/product-image.ts";
import { silentProgress, streamProgress } from "../../local/progress.ts";
import { until } from "../support/deadline.ts";
import { ROOT } from "../support/documents.ts";
import { kubectl, kubectlApply, testVariable } from "../support/kubectl.ts";
import { StartedProgram } from "../support/started-program.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";

const image = suite("the image, in pods that Pod Security calls restricted");
const WAIT_MS = 180_000;
const GRACE_SECONDS = 30;
/** The program and its libraries: the layer that differs from release to release. */
const MOST_LAYER_BYTES = 30e6;
const FINALIZER = "odin.io/test";
const PASSWORD = "the root's password";
/** Holds the schemas of CycloneDX. */
const CYCLONEDX = {
  name: "@cyclonedx/cyclonedx-library",
  version: "10.3.0",
  integrity: "sha512-RIT28sp1U0PCHaaeF3yNRwk6Jig/XJ8UsYAVOMYaHQ+0VVOvsjcp0PTWQFLUqJFF8XMud+Kdq6G+wtDAh+QJFA==",
};

let namespace: TemporaryNamespace;
let built: { archive: string; name: string };

image.before(async () => {
  try {
    built = await productImage(streamProgress());
    namespace = await temporaryNamespace("image");
    await loadImages(dirname(testVariable("KUBECONFIG")), [built.archive]);
    await kubectl("label", "namespace", namespace.name, "pod-security.kubernetes.io/enforce=restricted");
    await kubectl("create", "serviceaccount", "odin", "-n", namespace.name);
    const account = `--serviceaccount=${namespace.name}:odin`;
    await kubectl("create", "clusterrolebinding", namespace.name, "--clusterrole=cluster-admin", account);
  } catch (error) {
    console.error(error);
    throw error;
  }
});
image.after(async () => {
  if (namespace === undefined) return;
  await kubectl("delete", "clusterrolebinding", namespace.name, "--ignore-not-found");
  await namespace.remove();
});

interface Container {
  args?: string[];
  command?: string[];
  env?: Record<string, string>;
}

/** Starts a pod of the image; its object stays after its end, for its exit code, until `release`. */
async function startPod(name: string, { args, command, env = {} }: Container): Promise<void> {
  await kubectlApply(namespace.name, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, finalizers: [FINALIZER] },
    spec: {
      restartPolicy: "Never",
      serviceAccountName: "odin",
      terminationGracePeriodSeconds: GRACE_SECONDS,
      securityContext: { runAsNonRoot: true, fsGroup: 10001, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name: "main",
          image: built.name,
          imagePullPolicy: "Never",
          ...(args === undefined ? {} : { args }),
          ...(command === undefined ? {} : { command }),
          env: Object.entries({ ODIN_NAMESPACE: namespace.name, ...env }).map(([key, value]) => ({ name: key, value })),
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
          volumeMounts: [
            { name: "data", mountPath: "/var/lib/odin" },
            { name: "tmp", mountPath: "/tmp" },
          ],
        },
      ],
      volumes: [
        { name: "data", emptyDir: {} },
        { name: "tmp", emptyDir: {} },
      ],
    },
  });
}

async function release(name: string): Promise<void> {
  const patch = '{"metadata":{"finalizers":null}}';
  await kubectl("patch", "pod", name, "-n", namespace.name, "--type=merge", "-p", patch);
  await kubectl("delete", "pod", name, "-n", namespace.name, "--ignore-not-found", "--wait=false");
}

interface Terminated {
  exitCode: number;
  startedAt: string;
  finishedAt: string;
}

/** How the pod's container ended, and what it wrote, if the pod was not deleted before. */
async function ended(name: string): Promise<Terminated & { log: string }> {
  const read = async (): Promise<Terminated | undefined> => {
    const pod = JSON.parse(await kubectl("get", "pod", name, "-n", namespace.name, "-o", "json"));
    return pod.status.containerStatuses?.[0]?.state?.terminated;
  };
  const terminated = await until(read, WAIT_MS, { describe: `${name} ends`, everyMs: 500 });
  if (terminated === undefined) throw new Error(`${name} did not end`);
  const log = await kubectl("logs", name, "-n", namespace.name).catch((error: unknown) => String(error));
  await release(name);
  return { ...terminated, log };
}

/** Runs a program in the pod's container and returns what it prints. */
function inPod(name: string, ...command: string[]): Promise<string> {
  return kubectl("exec", name, "-n", namespace.name, "--", ...command);
}

/** Runs JavaScript there. */
function evaluated(name: string, code: string): Promise<string> {
  return inPod(name, "node", "--input-type=module", "--eval", code);
}

image(
  "it is small, its default user is a number that is not root, its entry point no shell, and it says what it is",
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "odin-image-"));
    try {
      await run("tar", ["-xf", built.archive, "-C", directory, "--wildcards", "*.json"]);
      const [entry] = JSON.parse(await readFile(join(directory, "manifest.json"), "utf8")) as {
        Config: string;
        Layers: string[];
      }[];
      const { config } = JSON.parse(await readFile(join(directory, entry?.Config ?? ""), "utf8"));
      assert.match(config.User, /^[1-9]\d*:[1-9]\d*$/);
      assert.not.ok([...config.Entrypoint].some((word: string) => /sh$/.test(word)));
      assert.is(config.Labels["org.opencontainers.image.title"], "odin");
      assert.is(config.Labels["org.opencontainers.image.licenses"], "Apache-2.0");
      const last = (entry?.Layers ?? []).at(-1) ?? "";
      const bytes = Number(/^\S+ \S+ +(\d+) /.exec(await run("tar", ["-tvf", built.archive, last]))?.[1]);
      assert.ok(bytes > 1e6 && bytes < MOST_LAYER_BYTES, `what we add to the base has ${bytes} bytes`);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
);

image("without a command it shows the usage and ends with 0; a wrong setting ends it with 2 and one line", async () => {
  await startPod("usage", {});
  await startPod("wrong", { args: ["api"], env: { ODIN_SECRET: "short" } });
  const usage = await ended("usage");
  assert.is(usage.exitCode, 0, usage.log);
  assert.match(usage.log, /^odin: machine-learning pipelines on Kubernetes/);
  const wrong = await ended("wrong");
  assert.is(wrong.exitCode, 2, wrong.log);
  assert.match(wrong.log, /^odin api: .*ODIN_SECRET.*\n$/);
});

image("an operator that is told to stop gives its lease back and ends with 0, in time", async () => {
  await startPod("operator", { args: ["operator"], env: { ODIN_INSTALL_CRDS: "false", ODIN_LEASE_DURATION: "15" } });
  const holder = (): Promise<string> =>
    kubectl("get", "lease", "odin-operator", "-n", namespace.name, "-o", "jsonpath={.spec.holderIdentity}");
  await until(holder, WAIT_MS, {
    describe: "it leads",
    accept: (identity) => identity.includes("operator"),
    everyMs: 500,
  });
  // Followed, because the kubelet may remove a deleted pod's container, and its log, before it can be asked for.
  const following = new StartedProgram(
    testVariable("ODIN_TEST_KUBECTL"),
    ["logs", "--follow", "operator", "-n", namespace.name],
    { KUBECONFIG: testVariable("KUBECONFIG"), HOME: tmpdir() },
  );
  await following.untilSaid(/"operator running/);
  const askedMs = Date.now();
  await kubectl("delete", "pod", "operator", "-n", namespace.name, "--wait=false");
  await following.untilSaid(/"operator stopped"/);
  const { exitCode, finishedAt } = await ended("operator");
  const log = following.output;
  assert.is(exitCode, 0, log.slice(-3_000));
  assert.ok(
    Date.parse(finishedAt) - askedMs < (GRACE_SECONDS - 5) * 1_000,
    `${finishedAt}: not killed at the end of its time`,
  );
  assert.is(await holder(), "", "the lease is free");
});

image(
  "an API commits jobs to git and keeps its store, leaves no zombie, and ends with 0 when it is told to stop",
  async () => {
    await startPod("api", {
      args: ["api"],
      env: {
        ODIN_REPOSITORY: "/var/lib/odin/jobs",
        ODIN_SECRET: "the secret of the image's tests, long enough",
        ODIN_ROOT_USER: "root",
        ODIN_ROOT_PASS: PASSWORD,
      },
    });
    const ready = (): Promise<string> =>
      evaluated("api", 'console.log((await fetch("http://127.0.0.1:9003/readyz")).status)');
    await until(ready, WAIT_MS, {
      describe: "the API is ready",
      accept: (status) => status === "200\n",
      everyMs: 1_000,
    });

    const created = await evaluated(
      "api",
      `const at = "http://127.0.0.1:9003/v1/";
     const post = async (path, body, token) => (await fetch(at + path, { method: "POST", body: JSON.stringify(body),
       headers: { "content-type": "application/json", ...(token ? { authorization: "Bearer " + token } : {}) } }));
     const { message } = await (await post("auth", { username: "root", password: ${JSON.stringify(PASSWORD)} })).json();
     console.log((await post("jobs", { job: { name: "kept" } }, message)).status);`,
    );
    assert.match(created, /^20[01]\n$/);
    assert.match(await inPod("api", "git", "-C", "/var/lib/odin/jobs", "log", "--format=%an"), /^root$/m);
    assert.match(await inPod("api", "ls", "/var/lib/odin"), /^store\.db$/m);
    assert.is((await inPod("api", "id", "-u")).trim(), "10001");

    // Its parent is gone at once, so that it becomes a child of the container's first process.
    await inPod("api", "sh", "-c", "(sleep 0.2 &) ; true");
    const sleeping = (): Promise<string> =>
      evaluated(
        "api",
        `import { readdirSync, readFileSync } from "node:fs";
       const stats = readdirSync("/proc").filter((name) => /^\\d+$/.test(name)).flatMap((pid) => {
         try { return [readFileSync("/proc/" + pid + "/stat", "latin1")]; } catch { return []; }
       });
       console.log(stats.filter((stat) => stat.includes("(sleep)") || / Z /.test(stat)).length);`,
      );
    await until(sleeping, 60_000, {
      describe: "nothing is left of a child without a parent",
      accept: (n) => n === "0\n",
      everyMs: 500,
    });

    const askedMs = Date.now();
    await kubectl("delete", "pod", "api", "-n", namespace.name, "--wait=false");
    const { exitCode, finishedAt, log } = await ended("api");
    assert.is(exitCode, 0, log.slice(-3_000));
    assert.ok(
      Date.parse(finishedAt) - askedMs < (GRACE_SECONDS - 5) * 1_000,
      `${finishedAt}: not killed at the end of its time`,
    );
  },
);

image(
  "it holds no library beside the program but the database's, and its bill of materials lists all that went in",
  async () => {
    await startPod("libraries", {
      command: [
        "node",
        "--eval",
        `const { readdirSync, readFileSync } = require("node:fs");
       const root = "/opt/odin/";
       const licences = readFileSync(root + "dist/bundle/LICENSES.txt", "utf8");
       const bom = JSON.parse(readFileSync(root + "sbom.cdx.json", "utf8"));
       console.log(JSON.stringify({ top: readdirSync(root), dist: readdirSync(root + "dist"), 
         beside: readdirSync(root + "dist/bundle/node_modules").sort(),
         found: [...licences.matchAll(/(?:^|-{80}\\n\\n)(\\S+ \\d\\S*)\\n\\n/g)].map(([, name]) => name),
         listed: bom.components.map(({ group, name, version }) => (group ? group + "/" : "") + name + " " + version) }));`,
      ],
    });
    const { exitCode, log } = await ended("libraries");
    assert.is(exitCode, 0, log);
    const { top, dist, beside, found, listed } = JSON.parse(log) as Record<string, string[]>;
    assert.equal(top?.sort(), ["LICENSE", "crds", "dist", "package.json", "sbom.cdx.json"]);
    assert.equal(dist, ["bundle"]);
    assert.equal(
      beside?.filter((name) => !["@libsql", "@neon-rs", "detect-libc", "libsql"].includes(name)),
      [],
    );
    assert.ok((found?.length ?? 0) > 50, `${found?.length} packages`);
    assert.equal(
      found?.filter((name) => !listed?.includes(name)),
      [],
      "in the image and not in its bill of materials",
    );
  },
);

image("the bill of materials is what CycloneDX 1.5 asks for", async () => {
  const directory = await mkdtemp(join(tmpdir(), "odin-cyclonedx-"));
  try {
    const files = await unpackedPackage(CYCLONEDX, join(directory, "package"), {
      env: process.env,
      timeoutMs: 120_000,
    });
    const schemas = join(files, "res/schema");
    const read = async (name: string): Promise<object> => JSON.parse(await readFile(join(schemas, name), "utf8"));
    const ajv = new Ajv({ strict: false, validateFormats: false });
    ajv.addSchema(await read("spdx.SNAPSHOT.schema.json"), "http://cyclonedx.org/schema/spdx.SNAPSHOT.schema.json");
    ajv.addSchema(
      await read("jsf-0.82.SNAPSHOT.schema.json"),
      "http://cyclonedx.org/schema/jsf-0.82.SNAPSHOT.schema.json",
    );
    const validate = ajv.compile(await read("bom-1.5.SNAPSHOT.schema.json"));
    const bom: object = JSON.parse(
      await run(process.execPath, [join(ROOT, "dist/local/sbom.js")], { env: process.env }),
    );
    assert.ok(validate(bom), ajv.errorsText(validate.errors));
    assert.not.ok(validate({ ...bom, components: [{ type: "no such type" }] }), "the schema refuses what is wrong");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

image("built twice it has the same layers", async () => {
  const directory = await mkdtemp(join(tmpdir(), "odin-image-"));
  try {
    const again = join(directory, "again.tar");
    await buildProductImage(again, silentProgress);
    const digest = async (archive: string): Promise<string> => {
      const manifest = await run("tar", ["-xOf", archive, "manifest.json"]);
      const [entry] = JSON.parse(manifest) as { Config: string }[];
      const config = await run("tar", ["-xOf", archive, entry?.Config ?? ""]);
      assert.ok(JSON.parse(config).rootfs.diff_ids.length > 1);
      return createHash("sha256").update(config).digest("hex");
    };
    assert.is(await digest(again), await digest(built.archive));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

image.run();
