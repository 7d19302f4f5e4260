// timeout: 2400
/**
 * An installation with PostgreSQL, two operators and two replicas of the API, on two nodes: from an earlier chart to this one, a drained node, and
 * a restored database. The earlier chart is that of an earlier state of this project; its pods are of today's image, for no other is kept.
 */
import { createPrivateKey } from "node:crypto";
import { cp, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../../local/command.ts";
import { productImage } from "../../local/product-image.ts";
import { streamProgress } from "../../local/progress.ts";
import { createAuthority, createCertificate } from "../../local/x509.ts";
import { auditedRequests } from "../support/audit-log.ts";
import { until, within } from "../support/deadline.ts";
import { blocksOf, ROOT, textOf } from "../support/documents.ts";
import { withForwardedApi } from "../support/forwarded-api.ts";
import { assertOncePerTask, ended, leader, podsOf, progressed } from "../support/installed-release.ts";
import { kubectl, kubectlApply, testVariable } from "../support/kubectl.ts";
import { podsMade } from "../support/made-pods.ts";
import { OwnCluster } from "../support/own-cluster.ts";
import { INSTALLATION_PAGES, isForPostgres, PageShell } from "../support/page-shell.ts";
import { PostgresServer } from "../support/postgres-server.ts";
import { skip } from "../support/skip.ts";
import { sleepingRun } from "../support/sleeping-run.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";

const STEP_MS = 600_000;
const WAIT_MS = 180_000;
const SPACE = "odin";
const PASSWORD = "a password with ' and $HOME";
const INSTALL = "docs/how-to/install-with-helm.md";
const BACKUP = "docs/how-to/back-up-and-restore.md";
const UPGRADE = "docs/how-to/upgrade.md";
/** What nobody may have to wait for an answer of the API, while it is upgraded or a node is drained. */
const MOST_SILENCE_SECONDS = 15;

const installation = suite("an installation with PostgreSQL");
let cluster: OwnCluster;
let place: TemporaryDirectory;
let shell: PageShell;
let database: PostgresServer | undefined;

installation.before(async () => {
  try {
    const { archive, name } = await productImage(streamProgress());
    cluster = await OwnCluster.start();
    await cluster.load(archive);
    await cluster.offerVolumes(1);
    place = await temporaryDirectory();
    await mkdir(join(place.path, "helm"));
    await run("tar", ["-xzf", join(ROOT, "test/fixtures/charts/odin-earlier.tgz"), "-C", join(place.path, "helm")]);
    await symlink(join(ROOT, "examples"), join(place.path, "examples"));
    const host = testVariable("ODIN_TEST_HOST_ADDRESS");
    const opened = await PostgresServer.open(host);
    if ("cannot" in opened) return skip("all of it", `no PostgreSQL server: ${opened.cannot}`);
    database = opened;
    const authority = createAuthority("an authority of ours");
    const request = { commonName: "database", usages: ["serverAuth" as const], addresses: ["127.0.0.1", host] };
    await database.offerEncryption(createCertificate(authority, createPrivateKey(authority.key), request));
    await database.query(`CREATE ROLE odin LOGIN PASSWORD '${PASSWORD.replaceAll("'", "''")}'`);
    await database.query("CREATE DATABASE odin OWNER odin");
    await writeFile(join(place.path, "authority.crt"), authority.certificate);
    shell = new PageShell({
      cwd: place.path,
      path: cluster.commands,
      environment: {
        KUBECONFIG: cluster.kubeconfig,
        IMAGE: name.slice(0, name.lastIndexOf(":")),
        ...{ PGHOST: host, PGPORT: String(database.port), PGDATABASE: "odin", PGUSER: "odin", PGPASSWORD: PASSWORD },
        ...{ PGSSLMODE: "verify-full", PGSSLROOTCERT: join(place.path, "authority.crt") },
      },
    });
  } catch (error) {
    console.error(error);
    throw error;
  }
});
installation.after(async () => {
  await cluster?.remove();
  await database?.remove();
  await place?.remove();
});

/** Adds a test that needs the database. */
function test(title: string, body: () => Promise<void>): void {
  installation(title, () => (database === undefined ? undefined : within(STEP_MS, body)));
}

/** Asks the API through its Service, each time anew, and says for how long it got no answer at most, and every failure. */
const PROBE = `
import sys, time, urllib.request
last = time.monotonic()
longest = 0
while True:
    said = ""
    try:
        urllib.request.urlopen(sys.argv[1], timeout=3).read()
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    except Exception as error:
        said = f" {type(error).__name__}: {error}"
    print(f"{time.strftime('%H:%M:%S')} longest {longest:.1f}{said}", flush=True)
    time.sleep(0.1)
`;

/** Asks the API from a pod on that node until `work` has ended; no answer may have been too late. */
async function asking(node: string, work: () => Promise<void>): Promise<void> {
  const address = await kubectl("get", "service", "odin-http", "-n", SPACE, "-o", "jsonpath={.spec.clusterIP}");
  await kubectlApply(SPACE, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "asking" },
    spec: {
      nodeName: node,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: "main",
          image: "python:3.11-slim",
          imagePullPolicy: "IfNotPresent",
          command: ["python3", "-c", PROBE, `http://${address}:9003/v1/pipelines`],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
        },
      ],
    },
  });
  const said = (): Promise<string> => kubectl("logs", "asking", "-n", SPACE);
  await until(said, WAIT_MS, { describe: "the API answers a pod", accept: (text) => /longest [\d.]+$/m.test(text) });
  await work();
  const lines = (await said()).trim().split("\n");
  const failures = lines.filter((line) => !/longest [\d.]+$/.test(line));
  const longest = Number(/longest ([\d.]+)/.exec(lines.at(-1) ?? "")?.[1]);
  console.log(`# asked ${lines.length} times, ${failures.length} without an answer, ${longest} s of silence at most`);
  assert.ok(longest < MOST_SILENCE_SECONDS, failures.join("\n"));
  assert.ok(lines.length > 20, lines.join("\n"));
  await kubectl("delete", "pod", "asking", "-n", SPACE);
}

const login = (): Promise<string> => kubectl("get", "secret", "odin-auth", "-n", SPACE, "-o", "jsonpath={.data}");

test("the page, with an earlier chart: two operators and two APIs, with their runs in the database", async () => {
  await shell.run(INSTALL, ["helm-namespace", "helm-secret-postgres", "helm-install-postgres"]);
  assert.is((await podsOf("operator")).length + (await podsOf("api")).length, 4);
  await withForwardedApi(SPACE, async (call) => {
    await call("POST", "jobs", { job: { name: "team/kept", tasks: [{ name: "a", image: "i", command: ["c"] }] } });
    await call("POST", "users", { user: { username: "ada", password: "countess of l" } });
  });
  await kubectlApply(SPACE, sleepingRun("before", 2, 1));
  await assertOncePerTask("before", 2);
});

test("an upgrade from the earlier chart in mid-run: no pod is lost or doubled, and the API always answers", async () => {
  const before = await login();
  const [api] = await podsOf("api");
  await kubectlApply(SPACE, sleepingRun("upgraded", 12, 2));
  await progressed("upgraded", 2);
  await rm(join(place.path, "helm/odin"), { recursive: true });
  await cp(join(ROOT, "helm/odin"), join(place.path, "helm/odin"), { recursive: true });
  await asking(api?.spec.nodeName ?? "", async () => {
    await shell.run(UPGRADE, ["upgrade"]);
    await assertOncePerTask("upgraded", 12);
  });
  assert.is(await login(), before);
  await withForwardedApi(SPACE, async (call) => {
    assert.match(JSON.stringify(await call("GET", "jobs/team__kept")), /team\/kept/);
    assert.match(JSON.stringify(await call("GET", "pipelines")), /"id":"before"/);
    assert.match(JSON.stringify(await call("GET", "resources/before--t0/logs")), /slept/);
  });
});

test("the page: the node with all of Odin on it is drained in mid-run, one by one, and the run ends DONE", async () => {
  const [first] = await podsOf("operator");
  const node = first?.spec.nodeName ?? "";
  const names = (await kubectl("get", "nodes", "-o", "name")).trim().split("\n");
  const other = names.map((name) => name.replace("node/", "")).find((name) => name !== node) ?? "";
  // The hardest case: what is to stay up is all on the node that is to go.
  await kubectl("cordon", other);
  for (const part of ["operator", "api"]) await kubectl("rollout", "restart", `deployment/odin-${part}`, "-n", SPACE);
  for (const part of ["operator", "api"]) {
    await kubectl("rollout", "status", `deployment/odin-${part}`, "-n", SPACE, "--timeout=120s");
    await until(() => podsOf(part), WAIT_MS, {
      describe: `every ${part} is on ${node}`,
      accept: (pods) => pods.length === 2 && pods.every(({ spec }) => spec.nodeName === node),
      everyMs: 500,
    });
  }
  await kubectl("uncordon", other);
  await kubectlApply(SPACE, sleepingRun("drained", 12, 2));
  await progressed("drained", 2);
  const drainedAt = Date.now();
  const worked = await leader();
  await asking(other, async () => {
    const printed = await shell.run(UPGRADE, ["drain-postgres"], { NODE: node });
    assert.match(printed, /^odin-api +1 /m);
    assert.match(printed, /^odin-operator +1 /m);
    const { status } = await ended("drained");
    assert.is(status?.phase, "DONE", JSON.stringify(status));
  });
  await until(leader, WAIT_MS, { describe: "another one leads", accept: (now) => now !== "" && now !== worked });
  // The drain has ended when the last pods are gone from the node; what takes their places may have no node yet.
  for (const part of ["api", "operator"]) {
    await until(() => podsOf(part), WAIT_MS, {
      describe: `every ${part} is on ${other}`,
      accept: (pods) => pods.length === 2 && pods.every(({ spec }) => spec.nodeName === other),
      everyMs: 500,
    });
  }
  const evictions = (await auditedRequests(SPACE)).filter(
    ({ subresource, name, at }) => subresource === "eviction" && name?.startsWith("odin-") && at >= drainedAt,
  );
  const counted = (code: number): number => evictions.filter((request) => request.code === code).length;
  assert.is(counted(201), 4, JSON.stringify(evictions));
  assert.ok(counted(429) > 0, "the budgets held nothing back");
  // A task whose pod was on the node has been tried again, under another name; nothing has been made twice.
  const made = await podsMade(SPACE, "drained--");
  assert.is(new Set(made).size, made.length, `${made}`);
  for (let n = 0; n < 12; n++) assert.ok(made.includes(`drained--t${n}`), `${made}`);
});

test("the page: a dump is taken while a run goes on, and everything is restored from it", async () => {
  await kubectlApply(SPACE, sleepingRun("unfinished", 4, 2));
  await progressed("unfinished", 1);
  await shell.run(BACKUP, ["backup", "backup-postgres"]);
  await ended("unfinished");
  await shell.run("docs/how-to/uninstall.md", ["purge"]);
  await kubectl("delete", "namespace", SPACE, "--timeout=120s");
  await cluster.offerVolumes(1);
  await shell.run(BACKUP, ["restore-secrets"]);
  await shell.run(INSTALL, ["helm-secret-postgres"]);
  await shell.run(BACKUP, ["restore-postgres"]);
  await shell.run(BACKUP, ["restore"]);
  await shell.command(withoutStore(blocksOf(BACKUP).find(({ name }) => name === "restore-files")?.text ?? ""));
  await withForwardedApi(SPACE, async (call) => {
    // They were in the cluster when the dump was made: the operator has to see first that they are there no longer.
    await until(async () => JSON.stringify(await call("GET", "pipelines")), WAIT_MS, {
      describe: "the runs of before are listed",
      accept: (listed) => ["before", "upgraded", "drained"].every((name) => listed.includes(`"id":"${name}"`)),
      everyMs: 500,
    });
    assert.match(JSON.stringify(await call("GET", "resources/before--t0/logs")), /slept/);
    assert.match(JSON.stringify(await call("GET", "jobs/team__kept")), /team\/kept/);
    assert.match(JSON.stringify(await call("GET", "users/ada")), /"username":"ada"/);
  });
  await kubectlApply(SPACE, sleepingRun("restored", 2, 1));
  await assertOncePerTask("restored", 2);
});

/** As the page says: without the lines about the volume `store`, and with as many replicas as there were. */
function withoutStore(script: string): string {
  assert.is(script.split("\n").filter((line) => /\bstore\b/.test(line)).length, 3, script);
  return script
    .split("\n")
    .filter((line) => !/\bstore\b/.test(line))
    .join("\n")
    .replace("deployment/odin-api --replicas=1", "deployment/odin-api --replicas=2");
}

test("every block of the pages for PostgreSQL was run", async () => {
  assert.equal(shell.notRun(INSTALLATION_PAGES).filter(isForPostgres), []);
  assert.match(textOf(BACKUP), /With PostgreSQL leave out the three lines about the volume `store`/);
});

installation.run();
