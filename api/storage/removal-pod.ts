import type { Pipeline, Task } from "../../crds/generated/types.ts";
import { LABELS, labelValue, MANAGED_BY } from "../../crds/names.ts";
import { API_VERSION, PIPELINE } from "../../crds/resources.ts";
import type { DoomedOnClaim } from "./run-directories.ts";

/** Longest that a removal may take; what is left over then is told as not removed. */
export const REMOVAL_SECONDS = 120;

/**
 * A pod of our own image that removes directories on claims (O-107). It sees only the directory that each of them lies in, so that it cannot reach
 * anything else. It runs as the user of the run's tasks if they all have the same, else as root, without any other right than
 * that over files; where tasks are kept from being root (`taskUser`), so is it.
 */
export function removalPod(
  run: Pipeline,
  tasks: readonly Task[],
  doomed: readonly DoomedOnClaim[],
  settings: { image: string; pullSecrets: readonly string[]; name: string; taskUser?: number | undefined },
): Record<string, unknown> {
  const claims = [...new Set(doomed.map(({ claim }) => claim))];
  const { image, pullSecrets, name, taskUser } = settings;
  const otherwise = taskUser ?? 0;
  const users = new Set(tasks.map(({ securityContext }) => securityContext?.runAsUser ?? otherwise));
  const [user = otherwise] = users.size === 1 ? users : [otherwise];
  const capabilities = { drop: ["ALL"], ...(user === 0 ? { add: ["DAC_OVERRIDE", "FOWNER"] } : {}) };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: run.metadata.namespace,
      labels: {
        [LABELS.managedBy]: MANAGED_BY,
        [LABELS.name]: "odin-removal",
        [LABELS.component]: "removal",
        [LABELS.job]: labelValue(run.status?.job ?? run.spec.job ?? run.metadata.name),
      },
      // Not its controller: it is no task of the run, but it goes with it.
      ownerReferences: [
        {
          apiVersion: API_VERSION,
          kind: PIPELINE.kind,
          name: run.metadata.name,
          uid: run.metadata.uid,
          controller: false,
          blockOwnerDeletion: false,
        },
      ],
    },
    spec: {
      restartPolicy: "Never",
      activeDeadlineSeconds: REMOVAL_SECONDS,
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: {
        runAsUser: user,
        ...(taskUser === undefined ? {} : { runAsNonRoot: true, runAsGroup: taskUser, fsGroup: taskUser }),
        seccompProfile: { type: "RuntimeDefault" },
      },
      ...(pullSecrets.length > 0 ? { imagePullSecrets: pullSecrets.map((secret) => ({ name: secret })) } : {}),
      containers: [
        {
          name: "main",
          image,
          imagePullPolicy: "IfNotPresent",
          args: ["remove-directory", ...doomed.map((one, index) => `${mountPath(index)}/${one.name}`)],
          securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities },
          resources: { requests: { cpu: "10m", memory: "64Mi" } },
          volumeMounts: doomed.map(({ claim, parent }, index) => ({
            name: `claim-${claims.indexOf(claim)}`,
            mountPath: mountPath(index),
            ...(parent === "" ? {} : { subPath: parent }),
          })),
        },
      ],
      volumes: claims.map((claimName, index) => ({
        name: `claim-${index}`,
        persistentVolumeClaim: { claimName },
      })),
    },
  };
}

function mountPath(index: number): string {
  return `/removal/${index}`;
}
