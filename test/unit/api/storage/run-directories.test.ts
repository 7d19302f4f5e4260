import { suite } from "uvu";
import * as assert from "uvu/assert";
import { removalPod } from "../../../../api/storage/removal-pod.ts";
import { doomedOf, onClaims } from "../../../../api/storage/run-directories.ts";
import type { Pipeline, Task } from "../../../../crds/generated/types.ts";

const directories = suite("directories of runs");
const PATHS = { data: "/data/odin", rendered: "/data/pipelines/rendered" };
const task = (more: Partial<Task> = {}): Task => ({ name: "t", image: "i", command: ["c"], ...more });
const claim = (name: string, path: string): Partial<Task> => ({ mounts: [{ name: "v", path, claim: name }] });

directories("O-211: the run's directory, and the rendered one if it lies in the render path", () => {
  const own = { parent: "/data/odin", name: "run" };
  assert.equal(doomedOf("run", PATHS), [own]);
  assert.equal(doomedOf("run", PATHS, "/data/pipelines/rendered/team/sst2ab12"), [
    own,
    { parent: "/data/pipelines/rendered/team", name: "sst2ab12" },
  ]);
});

directories("O-12: a definition cannot name another directory to be removed", () => {
  for (const path of [
    "/etc",
    "/data/odin",
    "/data/odin/other-run",
    "/data/pipelines/rendered",
    "/data/pipelines/rendered/",
    "/data/pipelines/rendered/../sst2",
    "/data/pipelines/rendered-not/x",
  ])
    assert.is(doomedOf("run", PATHS, path).length, 1, path);
});

directories("O-107: claims that tasks mount over the data path, the innermost of each task, each once", () => {
  const doomed = doomedOf("run", PATHS);
  const found = onClaims(doomed, [
    task(claim("a", "/data")),
    task(claim("a", "/data/")),
    task(claim("b", "/data/odin")),
    task({
      mounts: [
        { name: "x", path: "/data", claim: "a" },
        { name: "y", path: "/data/odin", claim: "c" },
      ],
    }),
    task(claim("d", "/data/odin/other")),
    task(claim("e", "/dat")),
    task(claim("f", "/elsewhere")),
    task({ mounts: [{ name: "scratch", path: "/data" }], ephemVolumes: [{ name: "scratch", type: "emptyDir" }] }),
    task(),
  ]);
  assert.equal(found, [
    { claim: "a", parent: "odin", name: "run" },
    { claim: "b", parent: "", name: "run" },
    { claim: "c", parent: "", name: "run" },
  ]);
  assert.equal(onClaims(doomed, [task(claim("root", "/"))]), [{ claim: "root", parent: "data/odin", name: "run" }]);
});

const RUN = {
  apiVersion: "odin.io/v1",
  kind: "Pipeline",
  metadata: { name: "run", namespace: "ns", uid: "uid", resourceVersion: "1" },
  spec: { job: "team/sst2" },
} as Pipeline;
const SETTINGS = { image: "odin:1", pullSecrets: ["registry"], name: "run--removal-1" };

directories(
  "O-12, O-107: the pod sees only the directory that the run's lies in, and has no rights but over files",
  () => {
    const doomed = [
      { claim: "a", parent: "odin", name: "run" },
      { claim: "a", parent: "pipelines/rendered/team", name: "sst2ab12" },
      { claim: "b", parent: "", name: "run" },
    ];
    const { metadata, spec } = removalPod(RUN, [task()], doomed, SETTINGS) as {
      metadata: { ownerReferences: { controller: boolean; uid: string }[] };
      spec: Record<string, unknown> & { containers: Record<string, unknown>[]; volumes: unknown[] };
    };
    assert.equal(
      metadata.ownerReferences.map(({ controller, uid }) => [controller, uid]),
      [[false, "uid"]],
    );
    assert.is(spec.automountServiceAccountToken, false);
    assert.equal(spec.volumes, [
      { name: "claim-0", persistentVolumeClaim: { claimName: "a" } },
      { name: "claim-1", persistentVolumeClaim: { claimName: "b" } },
    ]);
    const [main] = spec.containers;
    assert.equal(main?.args, ["remove-directory", "/removal/0/run", "/removal/1/sst2ab12", "/removal/2/run"]);
    assert.equal(main?.volumeMounts, [
      { name: "claim-0", mountPath: "/removal/0", subPath: "odin" },
      { name: "claim-0", mountPath: "/removal/1", subPath: "pipelines/rendered/team" },
      { name: "claim-1", mountPath: "/removal/2" },
    ]);
    assert.equal(main?.securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"], add: ["DAC_OVERRIDE", "FOWNER"] },
    });
  },
);

directories("the pod runs as the user of the tasks where they are all the same", () => {
  const user = (...users: (number | undefined)[]): unknown => {
    const tasks = users.map((runAsUser) => task(runAsUser === undefined ? {} : { securityContext: { runAsUser } }));
    const pod = removalPod(RUN, tasks, [], SETTINGS) as { spec: { securityContext: { runAsUser: number } } };
    return pod.spec.securityContext.runAsUser;
  };
  assert.is(user(1000, 1000), 1000);
  assert.is(user(1000, 2000), 0);
  assert.is(user(1000, undefined), 0);
  assert.is(user(), 0);
});

directories("where tasks are kept from being root, so is the pod", () => {
  const tasks = [task({ securityContext: { runAsUser: 2000 } }), task()];
  const pod = removalPod(RUN, tasks, [], { ...SETTINGS, taskUser: 1000 }) as {
    spec: { securityContext: object; containers: { securityContext: object }[] };
  };
  assert.equal(pod.spec.securityContext, {
    runAsUser: 1000,
    runAsNonRoot: true,
    runAsGroup: 1000,
    fsGroup: 1000,
    seccompProfile: { type: "RuntimeDefault" },
  });
  assert.equal(pod.spec.containers[0]?.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
});
directories.run();
