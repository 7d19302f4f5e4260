// timeout: 2700
/** The chart and the image in a cluster that enforces what they promise: every page about an installation, and what goes wrong on the way. */
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { productImage } from "../../local/product-image.ts";
import { streamProgress } from "../../local/progress.ts";
import {
  type AccountRequest,
  accountRequests,
  grantedRights,
  rightText,
  unusedRights,
} from "../support/account-rights.ts";
import { until, within } from "../support/deadline.ts";
import { blocksOf, ROOT, textOf } from "../support/documents.ts";
import { withForwardedApi } from "../support/forwarded-api.ts";
import { objectsOf } from "../support/helm.ts";
import { assertOncePerTask, ended, leader, podsOf, progressed } from "../support/installed-release.ts";
import { kubectl, kubectlApply } from "../support/kubectl.ts";
import { OwnCluster } from "../support/own-cluster.ts";
import { INSTALLATION_PAGES, isForPostgres, PageShell } from "../support/page-shell.ts";
import { sleepingRun } from "../support/sleeping-run.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";
import { untilDefaultAccount } from "../support/temporary-namespace.ts";

const STEP_MS = 600_000;
const RUN_MS = 180_000;
const SPACE = "odin";
const PAGE = "docs/how-to/install-with-helm.md";
const installation = suite("an installation");
let cluster: OwnCluster;
let place: TemporaryDirectory;
let shell: PageShell;
const image = { name: "", repository: "" };

installation.before(async () => {
  try {
    const progress = streamProgress();
    const { archive, name } = await productImage(progress);
    image.name = name;
    image.repository = name.slice(0, name.lastIndexOf(":"));
    cluster = await OwnCluster.start();
    await cluster.load(archive);
    await cluster.offerVolumes(10);
    place = await temporaryDirectory();
    await mkdir(join(place.path, "helm"));
    await cp(join(ROOT, "helm/odin"), join(place.path, "helm/odin"), { recursive: true });
    await symlink(join(ROOT, "examples"), join(place.path, "examples"));
    shell = new PageShell({
      cwd: place.path,
      path: cluster.commands,
      environment: { KUBECONFIG: cluster.kubeconfig, IMAGE: image.repository },
    });
  } catch (error) {
    console.error(error);
    throw error;
  }
});
installation.after(async () => {
  await cluster?.remove();
  await place?.remove();
});

/** When there was no installation, or one that was being removed. */
const gone: { from: number; to: number }[] = [];

/** Runs blocks about an uninstallation. */
async function remove(...names: string[]): Promise<void> {
  const span = { from: Date.now(), to: Number.POSITIVE_INFINITY };
  gone.push(span);
  await shell.run("docs/how-to/uninstall.md", names);
  // Helm does not wait for the pods of what it has deleted; they may take their thirty seconds.
  await until(async () => [...(await podsOf("operator")), ...(await podsOf("api"))].length, RUN_MS, {
    describe: "the pods are gone",
    accept: (pods) => pods === 0,
    everyMs: 500,
  });
  span.to = Date.now();
}

installation("the page: from a clean cluster to sst2 DONE through the Service", () =>
  within(STEP_MS, async () => {
    await shell.run(PAGE, ["helm-namespace", "helm-install"]);
    const printed = await shell.run(PAGE, ["helm-look", "helm-example", "helm-login", "helm-launch"]);
    assert.match(printed, /pipeline\.odin\.io\/sst2-\w+ condition met/);
    assert.match(printed, /^sst2-\w+ +DONE +2\/2/m);
    assert.match(printed, /held-out accuracy: 0\.\d\d/);
  }),
);

installation("pods run as no root, write nowhere but to their volumes, and no probe ever failed them", () =>
  within(STEP_MS, async () => {
    const pods = [...(await podsOf("operator")), ...(await podsOf("api"))];
    assert.is(pods.length, 3);
    for (const { metadata, status } of pods) {
      const script = "id -u; touch /x /opt/odin/x 2>&1; grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/1/status";
      const said = await shell.command(`kubectl exec -n ${SPACE} ${metadata.name} -- sh -c "${script}" || true`);
      assert.match(said, /^10001\n/);
      assert.is(said.match(/Read-only file system/g)?.length, 2, said);
      assert.match(said, /^CapEff:\s+0+$/m);
      assert.match(said, /^NoNewPrivs:\s+1$/m);
      assert.match(said, /^Seccomp:\s+2$/m);
      assert.is(status.containerStatuses?.[0]?.restartCount, 0, metadata.name);
    }
  }),
);

/** Whether a pod reaches addresses: `open`, or why not. */
const PROBE = `
import socket, sys
for target in sys.argv[1:]:
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 4).close()
        print("open")
    except OSError as error:
        print(type(error).__name__)
`;

/** Looks at the view of GPUs as a terminal does. */
const LOOK = `
import sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen("http://" + sys.argv[1] + "/?term=true", timeout=120)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status, answer.read().decode())
`;

const looked = (pod: string, ...command: string[]): Promise<string> =>
  kubectl("exec", "-n", SPACE, pod, "--", ...command);

installation("network policies: who is not named reaches neither the API nor the metrics", () =>
  within(STEP_MS, async () => {
    const prober = (name: string, labels: Record<string, string>): object => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, labels },
      spec: {
        securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: "main",
            image: "python:3.11-slim",
            imagePullPolicy: "IfNotPresent",
            command: ["sleep", "3600"],
            securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
          },
        ],
      },
    });
    await kubectl("create", "namespace", "elsewhere");
    await untilDefaultAccount("elsewhere");
    await kubectlApply(
      "elsewhere",
      prober("stranger", {}),
      prober("scraper", { "app.kubernetes.io/name": "prometheus" }),
    );
    await kubectlApply(SPACE, prober("neighbour", {}));
    await kubectl("wait", "--for=condition=Ready", "pod/stranger", "pod/scraper", "-n", "elsewhere", "--timeout=170s");
    await kubectl("wait", "--for=condition=Ready", "pod/neighbour", "-n", SPACE, "--timeout=170s");
    const service = await kubectl("get", "service", "odin-http", "-n", SPACE, "-o", "jsonpath={.spec.clusterIP}");
    const [operator] = await podsOf("operator");
    const targets = [`${service}:9003`, `${operator?.status.podIP}:9004`];
    const reached = async (namespace: string, name: string): Promise<string[]> =>
      (await kubectl("exec", "-n", namespace, name, "--", "python3", "-c", PROBE, ...targets)).trim().split("\n");
    // What a policy lets through is known of a new pod a moment after it is ready.
    const untilReached = (namespace: string, name: string, wanted: string[]): Promise<string[]> =>
      until(() => reached(namespace, name), RUN_MS, {
        describe: `${name} finds ${wanted}`,
        accept: (found) => found.join() === wanted.join(),
      });
    await untilReached("elsewhere", "scraper", ["open", "open"]);
    await untilReached(SPACE, "neighbour", ["open", "TimeoutError"]);
    assert.equal(await reached("elsewhere", "stranger"), ["TimeoutError", "TimeoutError"]);
    // The view of GPUs has a port of its own on the Service, and shows itself to nobody who is not on its list.
    assert.match(await looked("neighbour", "python3", "-c", LOOK, `${service}:8080`), /^403 .*forbidden/);
    const [api] = await podsOf("api");
    const script = 'fetch("http://127.0.0.1:9003/?term=true").then(async (r) => console.log(r.status, await r.text()))';
    assert.match(await looked(api?.metadata.name ?? "", "node", "-e", script), /^200 \+-{78}\+\n\| vesta ver\. /);
    await kubectl("delete", "pod", "neighbour", "-n", SPACE, "--wait=false");
  }),
);

installation("the leader's pod is killed in mid-run: the run ends DONE, no pod is lost or made twice", () =>
  within(STEP_MS, async () => {
    await kubectlApply(SPACE, sleepingRun("killed", 12, 2));
    await progressed("killed", 2);
    const before = await leader();
    await kubectl("delete", "pod", before, "-n", SPACE, "--grace-period=0", "--force");
    await assertOncePerTask("killed", 12);
    await until(leader, RUN_MS, { describe: "another one leads", accept: (now) => now !== before && now !== "" });
  }),
);

installation("a node is drained in mid-run: Odin moves to the other one, and the run ends DONE", () =>
  within(STEP_MS, async () => {
    const [api] = await podsOf("api");
    const node = api?.spec.nodeName ?? "";
    await kubectlApply(SPACE, sleepingRun("drained", 12, 2));
    await progressed("drained", 2);
    await shell.command(
      `kubectl drain ${node} --ignore-daemonsets --delete-emptydir-data --force --timeout=90s --pod-selector='app.kubernetes.io/managed-by!=odin'`,
    );
    const { status } = await ended("drained");
    assert.is(status?.phase, "DONE", JSON.stringify(status));
    await kubectl("rollout", "status", "deployment/odin-api", "-n", SPACE, "--timeout=170s");
    for (const pod of [...(await podsOf("api")), ...(await podsOf("operator"))])
      assert.is.not(pod.spec.nodeName, node, pod.metadata.name);
    await kubectl("uncordon", node);
  }),
);

/** The chart as its next version has it: other numbers, and an image of another name that holds the same. */
async function nextVersion(): Promise<string> {
  const path = join(place.path, "helm/odin/Chart.yaml");
  const text = await readFile(path, "utf8");
  const version = "0.999.0";
  await writeFile(path, text.replace(/^(version|appVersion): .*$/gm, `$1: ${version}`));
  return version;
}

installation("the page: an upgrade in the middle of a run of 30 tasks, and a rollback in another", () =>
  within(STEP_MS, async () => {
    const version = await nextVersion();
    await cluster.name(image.name, `${image.repository}:${version}`);
    const login = await kubectl("get", "secret", "odin-auth", "-n", SPACE, "-o", "jsonpath={.data}");
    const refused = await shell
      .command(`helm upgrade odin ./helm/odin -n ${SPACE} --reset-then-reuse-values --set api.replicas=2`)
      .catch((error: Error) => error.message);
    assert.match(refused, /store\.kind=embedded with api\.replicas=2/);

    await kubectlApply(SPACE, sleepingRun("upgraded", 30, 1));
    await progressed("upgraded", 5);
    const printed = await shell.run("docs/how-to/upgrade.md", ["upgrade", "upgrade-look"]);
    assert.match(printed, new RegExp(`odin-${version}`));
    assert.is(printed.match(new RegExp(`localhost/odin:${version} +true$`, "gm"))?.length, 3, printed);
    await assertOncePerTask("upgraded", 30);

    await kubectlApply(SPACE, sleepingRun("rolled-back", 30, 1));
    await progressed("rolled-back", 5);
    await shell.run("docs/how-to/upgrade.md", ["rollback"]);
    await assertOncePerTask("rolled-back", 30);
    // The rollback is done when the old version serves; pods of the new one may still be ending.
    await until(() => shell.run("docs/how-to/upgrade.md", ["upgrade-look"]), 120_000, {
      describe: "only pods of the old version are left",
      accept: (images) => !images.includes(`localhost/odin:${version}`),
      everyMs: 1_000,
    });
    assert.is(await kubectl("get", "secret", "odin-auth", "-n", SPACE, "-o", "jsonpath={.data}"), login);
    await kubectl("get", "pipeline", "killed", "-n", SPACE);
  }),
);

installation("an image that is not there leaves the old API and an operator at work; a rollback clears it up", () =>
  within(STEP_MS, async () => {
    const flags = "--reset-then-reuse-values --set image.tag=missing --wait --timeout 15s";
    const said = await shell
      .command(`helm upgrade odin ./helm/odin -n ${SPACE} ${flags}`)
      .catch((error: Error) => error.message);
    assert.match(said, /deadline|not ready|timed out/i);
    await kubectlApply(SPACE, sleepingRun("meanwhile", 2, 1));
    await assertOncePerTask("meanwhile", 2);
    await shell.run("docs/how-to/upgrade.md", ["rollback"]);
  }),
);

installation("a second installation beside it, and one of the same name refused", () =>
  within(STEP_MS, async () => {
    await shell.run(PAGE, ["helm-second"]);
    await kubectlApply("team-b", sleepingRun("theirs", 2, 1));
    await assertOncePerTask("theirs", 2, "team-b");
    const twice = await shell.run(PAGE, ["helm-install"]).catch((error: Error) => error.message);
    assert.match(twice, /cannot reuse a name that is still in use/);
    await shell.command("helm uninstall odin --namespace team-b --wait && kubectl delete namespace team-b");
  }),
);

installation("the page: a backup is taken while a run goes on, and restored into an empty namespace", () =>
  within(2 * STEP_MS, async () => {
    await withForwardedApi(SPACE, async (call) => {
      await call("POST", "jobs", { job: { name: "team/kept", tasks: [{ name: "a", image: "i", command: ["c"] }] } });
      await call("POST", "users", { user: { username: "ada", password: "countess of l" } });
    });
    await kubectlApply(SPACE, sleepingRun("unfinished", 4, 2));
    await shell.run("docs/how-to/back-up-and-restore.md", ["backup", "backup-store"]);
    await ended("unfinished");
    await remove("purge-mlbench", "purge");
    await kubectl("delete", "namespace", SPACE, "--timeout=120s");
    await cluster.offerVolumes(6);
    await shell.run("docs/how-to/back-up-and-restore.md", ["restore-secrets", "restore", "restore-files"]);
    await withForwardedApi(SPACE, async (call) => {
      const names = ["killed", "drained", "upgraded", "rolled-back"];
      // They were in the cluster when the copy was made: the operator has to see first that they are there no longer.
      await until(async () => JSON.stringify(await call("GET", "pipelines")), RUN_MS, {
        describe: "the runs of before are listed",
        accept: (found) => names.every((name) => found.includes(`"id":"${name}"`)),
        everyMs: 500,
      });
      assert.match(JSON.stringify(await call("GET", "resources/killed--t0/logs")), /slept/);
      assert.match(JSON.stringify(await call("GET", "jobs/team__kept")), /team\/kept/);
      assert.match(JSON.stringify(await call("GET", "users/ada")), /"username":"ada"/);
    });
    await kubectl("apply", "-n", SPACE, "-f", join(ROOT, "examples/sst2/claim.yaml"));
    await kubectlApply(SPACE, sleepingRun("restored", 2, 1));
    const { status } = await ended("restored");
    assert.is(status?.phase, "DONE", JSON.stringify(status));
  }),
);

installation("the page: uninstalled in mid-run, and installed again: everything is found", () =>
  within(STEP_MS, async () => {
    const login = await kubectl("get", "secret", "odin-auth", "-n", SPACE, "-o", "jsonpath={.data}");
    await kubectlApply(SPACE, sleepingRun("interrupted", 12, 2));
    await progressed("interrupted", 2);
    const following = "kubectl logs -l app.kubernetes.io/instance=odin --follow --tail=1 --prefix --max-log-requests=9";
    const logged = shell.command(`${following} -n ${SPACE} >uninstall.log`);
    const log = (): Promise<string> => readFile(join(place.path, "uninstall.log"), "utf8");
    await until(log, RUN_MS, {
      describe: "all three are followed",
      accept: (text) => new Set(text.match(/^\[pod\/[^/]+/gm)).size === 3,
    });
    await remove("uninstall");
    // Their rights went before them: that is told, and is no error.
    await logged;
    const lines = await log();
    assert.match(lines, /operator stopped/);
    assert.not.match(lines, /"level":"(error|fatal)"/);
    const left = await kubectl(
      "get",
      "deploy,sa,role,rolebinding,netpol,pdb,svc",
      "-n",
      SPACE,
      "-l",
      "app.kubernetes.io/instance=odin",
      "-o",
      "name",
    );
    assert.is(left, "");
    const kept = await kubectl(
      "get",
      "crd/pipelines.odin.io",
      "pvc/odin-store",
      "pvc/odin-jobs",
      "secret/odin-auth",
      "pipeline/interrupted",
      "-n",
      SPACE,
      "-o",
      "name",
    );
    assert.is(kept.trim().split("\n").length, 5, kept);
    await shell.run("docs/how-to/uninstall.md", ["reinstall"]);
    assert.is(await kubectl("get", "secret", "odin-auth", "-n", SPACE, "-o", "jsonpath={.data}"), login);
    await assertOncePerTask("interrupted", 12);
  }),
);

installation(
  "C-96: nothing was refused to the accounts, and every right that was never used is listed with its reason",
  () =>
    within(STEP_MS, async () => {
      await exercise();
      const manifest = await shell.command(`helm get manifest odin -n ${SPACE}`);
      const requests = await accountRequests([SPACE]);
      const isRefused = ({ code, message }: AccountRequest): boolean =>
        code === 401 || (code === 403 && !/being terminated/.test(message));
      // An uninstallation takes the rights before the pods.
      const wasThere = ({ at }: AccountRequest): boolean => !gone.some(({ from, to }) => at > from && at < to);
      assert.equal(
        requests.filter((request) => isRefused(request) && wasThere(request)),
        [],
      );
      const granted = grantedRights(objectsOf(manifest));
      const explained = [...textOf("docs/reference/permissions.md").matchAll(/^\| `(odin-\w+)` \| `([^`]+)` \|/gm)].map(
        ([, account, right]) => `${account}: ${right} in ${SPACE}`,
      );
      assert.equal(
        unusedRights(granted, requests)
          .map(rightText)
          .filter((right) => !explained.includes(right)),
        [],
        "granted, never used, and not explained",
      );
      assert.equal(
        explained.filter((right) => !granted.map(rightText).includes(right)),
        [],
        "explained and not granted",
      );
    }),
);

installation("the whole cluster: a run in another namespace, with rights for all of them", () =>
  within(STEP_MS, async () => {
    await shell.command(
      `helm upgrade odin ./helm/odin -n ${SPACE} --reset-then-reuse-values --set image.tag=0.999.0 --set clusterWide=true --wait --timeout 3m`,
    );
    await kubectlApply("elsewhere", sleepingRun("far", 2, 1));
    await assertOncePerTask("far", 2, "elsewhere");
  }),
);

installation("the page: everything is removed", () =>
  within(STEP_MS, async () => {
    await remove("purge-mlbench", "purge");
    const kinds = "all,pvc,secrets,configmaps,serviceaccounts,roles,rolebindings,leases";
    const roles = "crd,clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings";
    const look = async (): Promise<string[]> => {
      const own = await kubectl("get", kinds, "-n", SPACE, "-o", "name");
      const all = await kubectl("get", roles, "-o", "name");
      const names = [...own.split("\n"), ...all.split("\n").filter((name) => name.includes("odin"))];
      return names.filter((name) => !/^$|odin-local|kube-root-ca|serviceaccount\/default/.test(name)).sort();
    };
    const ours = ["persistentvolumeclaim/data-rw-many", "secret/theirs"];
    await until(look, STEP_MS / 2, {
      describe: "only what others made is left",
      accept: (left) => left.join(" ") === ours.join(" "),
      everyMs: 500,
    });
  }),
);

installation("every block of the pages was run, and the README shows the same", () => {
  assert.equal(
    shell.notRun(INSTALLATION_PAGES).filter((block) => !isForPostgres(block)),
    [],
  );
  const [namespace, install] = blocksOf(PAGE);
  assert.ok(textOf("README.md").includes(`${namespace?.text}${install?.text}`), "the README shows other commands");
});

/** What people do with Odin in a day, so that the rights for it are used. */
async function exercise(): Promise<void> {
  const container = { image: "python:3.11-slim", command: ["sh", "-c", "echo done"], terminationGracePeriodSeconds: 1 };
  const labels = { "odin.io/mountable": "true" };
  await kubectlApply(SPACE, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "theirs", labels },
    stringData: { key: "value" },
  });
  const mounting = { ...container, name: "mounting", secrets: [{ name: "theirs", path: "/theirs" }] };
  const run = (name: string, spec: object): object => ({
    apiVersion: "odin.io/v1",
    kind: "Pipeline",
    metadata: { name },
    spec,
  });
  await kubectlApply(
    SPACE,
    run("short-lived", { ttlSecondsAfterFinished: 1, tasks: [{ ...container, name: "a" }] }),
    run("mounting", { tasks: [mounting] }),
    run("as-job", { tasks: [{ ...container, name: "a", resourceType: "Job" }] }),
    sleepingRun("cancelled", 3, 100),
    run("claimed", {
      tasks: [{ ...container, name: "a", mounts: [{ name: "d", path: "/data", claim: "data-rw-many" }] }],
    }),
  );
  await withForwardedApi(SPACE, async (call) => {
    await call("POST", "users", { user: { username: "grace", password: "hopper's password" } });
    await call("PUT", "users/grace", { user: { firstname: "Grace" } });
    await call("DELETE", "users/grace");
    await call("GET", "nodes");
    await call("GET", "app");
    const task = { name: "a", image: "python:3.11-slim", command: ["sh", "-c", "echo one"] };
    await call("POST", "jobs", { job: { name: "daily", tasks: [task] } });
    await call("PUT", "jobs/daily", { job: { tasks: [{ ...task, command: ["sh", "-c", "echo two"] }] } });
    for (let time = 0; time < 2; time++) {
      const { pipeline } = (await call("POST", "pipelines", { pipeline: { job: "daily" } })) as {
        pipeline: { id: string };
      };
      assert.match(String(await call("GET", `resources/${pipeline.id}--a/logs?follow=true`)), /two/);
      await ended(pipeline.id);
    }
    await until(
      () => kubectl("get", "pipeline", "cancelled", "-n", SPACE, "-o", "jsonpath={.status.counts.executing}"),
      RUN_MS,
      { describe: "the tasks are under way", accept: (count) => count === "1" },
    );
    await call("PUT", "pipelines/cancelled", { pipeline: { priority: 1 } });
    await kubectl("patch", "pipeline", "cancelled", "-n", SPACE, "--type=merge", "-p", '{"spec":{"cancel":true}}');
    for (const name of ["as-job", "claimed", "mounting", "cancelled"]) await ended(name);
    const gitCommand = "git -c user.name=root -c user.email=root@localhost -C /var/lib/odin-jobs/repository";
    const remove = `${gitCommand} rm -rq daily && ${gitCommand} commit -qm 'Remove daily'`;
    await kubectl("exec", "-n", SPACE, "deployment/odin-api", "--", "sh", "-c", remove);
    await call("DELETE", "pipelines/as-job?db=true");
    await call("DELETE", "pipelines/claimed?fs=true");
    await until(() => kubectl("get", "jobs.odin.io", "-n", SPACE, "-o", "name"), RUN_MS, {
      describe: "the object of the removed job is gone",
      accept: (names) => !names.includes("/daily"),
    });
    await until(() => kubectl("get", "pipelines", "-n", SPACE, "-o", "name"), RUN_MS, {
      describe: "the short-lived run is gone",
      accept: (names) => !names.includes("/short-lived"),
    });
  });
}

installation.run();
