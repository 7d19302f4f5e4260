import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type BinarySet, binarySet } from "../../../local/binary-set.ts";
import { downloadReleases, type ReleaseHosts } from "../../../local/download.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

interface Context {
  temporary: TemporaryDirectory;
  set: BinarySet;
  server: Server;
  files: Map<string, Buffer>;
  hosts: ReleaseHosts;
}

const STEP = { update() {}, done() {}, fail() {} };
const test = suite<Context>("download of the official releases");

test.before.each(async (context) => {
  context.temporary = await temporaryDirectory();
  context.set = { ...(await binarySet("kubernetes")), cacheDirectory: join(context.temporary.path, "cache") };
  mkdirSync(context.set.cacheDirectory);
  const files = new Map<string, Buffer>();
  context.files = files;
  context.server = createServer((request, response) => {
    const body = files.get(request.url ?? "");
    response.writeHead(body ? 200 : 404, { "content-length": body?.length ?? 0 });
    response.end(request.method === "HEAD" ? undefined : body);
  });
  await new Promise<void>((done) => context.server.listen(0, "127.0.0.1", done));
  const address = context.server.address();
  const base = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  context.hosts = { kubernetes: `${base}/k`, etcd: `${base}/e`, coredns: `${base}/d` };
  publish(context);
});
test.after.each(async ({ temporary, server }) => {
  server.closeAllConnections();
  server.close();
  await temporary.remove();
});

/** Puts up what the official hosts have: programs with a sum each, and etcd's archive with a list of sums. */
function publish({ files, set, temporary }: Context): void {
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const version = set.versionOf("k8s.io/kubernetes");
  for (const name of ["kubectl", "kube-apiserver"]) {
    const body = Buffer.from(`#!/bin/sh\necho ${name}\n`.padEnd(100_000, "#"));
    files.set(`/k/${version}/bin/linux/${architecture}/${name}`, body);
    files.set(`/k/${version}/bin/linux/${architecture}/${name}.sha256`, Buffer.from(sum(body)));
  }
  const etcd = set.versionOf("go.etcd.io/etcd/server/v3");
  const folder = `etcd-${etcd}-linux-${architecture}`;
  mkdirSync(join(temporary.path, folder));
  writeFileSync(join(temporary.path, folder, "etcd"), "#!/bin/sh\necho etcd\n");
  execFileSync("tar", ["-czf", "archive.tar.gz", folder], { cwd: temporary.path });
  const archive = readFileSync(join(temporary.path, "archive.tar.gz"));
  files.set(`/e/${etcd}/${folder}.tar.gz`, archive);
  files.set(
    `/e/${etcd}/SHA256SUMS`,
    Buffer.from(`${"0".repeat(64)}  other.tar.gz\n${sum(archive)}  ${folder}.tar.gz\n`),
  );
}

function sum(body: Buffer): string {
  return createHash("sha256").update(body).digest("hex");
}

test("programs that match their published sums become executable", async ({ set, hosts, temporary }) => {
  assert.is(await downloadReleases(set, ["etcd", "kubectl", "kube-apiserver"], STEP, { hosts }), true);
  for (const name of ["etcd", "kubectl", "kube-apiserver"]) {
    assert.is(execFileSync(join(set.cacheDirectory, name), { encoding: "utf8" }), `${name}\n`);
  }
  assert.equal(
    readdirSync(temporary.path).filter((name) => name.startsWith("cache.")),
    [],
  );
});

test("a program that was altered on its way is refused, and nothing of it is kept", async ({
  files,
  set,
  hosts,
  temporary,
}) => {
  for (const [path, body] of files) {
    if (path.endsWith("/kubectl")) files.set(path, Buffer.concat([body.subarray(1), Buffer.from("!")]));
  }
  try {
    await downloadReleases(set, ["kubectl"], STEP, { hosts });
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), /does not match its published checksum/);
  }
  assert.equal(readdirSync(set.cacheDirectory), []);
  assert.equal(
    readdirSync(temporary.path).filter((name) => name.startsWith("cache.")),
    [],
  );
});

test("CoreDNS comes out of its archive, checked against the sum beside it", async ({ files, hosts, temporary }) => {
  const set = { ...(await binarySet("coredns")), cacheDirectory: join(temporary.path, "cache") };
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const version = set.versionOf("github.com/coredns/coredns");
  const file = `coredns_${version.slice(1)}_linux_${architecture}.tgz`;
  writeFileSync(join(temporary.path, "coredns"), "#!/bin/sh\necho coredns\n");
  execFileSync("tar", ["-czf", file, "coredns"], { cwd: temporary.path });
  const archive = readFileSync(join(temporary.path, file));
  files.set(`/d/${version}/${file}`, archive);
  files.set(`/d/${version}/${file}.sha256`, Buffer.from(`${sum(archive)}  ${file}\n`));
  assert.is(await downloadReleases(set, ["coredns"], STEP, { hosts }), true);
  assert.is(execFileSync(join(set.cacheDirectory, "coredns"), { encoding: "utf8" }), "coredns\n");
});

test("a tool that nobody publishes is not looked for", async ({ set, hosts }) => {
  assert.is(await downloadReleases(set, ["kwok"], STEP, { hosts }), false);
});

test("hosts that do not answer, or do not have the version, are given up at once", async ({ set, hosts, files }) => {
  const before = Date.now();
  assert.is(
    await downloadReleases(set, ["kubectl"], STEP, { hosts: { ...hosts, kubernetes: "http://127.0.0.1:9/k" } }),
    false,
  );
  files.clear();
  assert.is(await downloadReleases(set, ["kubectl", "etcd"], STEP, { hosts }), false);
  assert.ok(Date.now() - before < 30_000);
});

test.run();
