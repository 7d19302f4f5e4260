import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import * as yaml from "js-yaml";
import { binarySet } from "../../local/binary-set.ts";
import { findExecutable } from "../../local/command.ts";

const execute = promisify(execFile);
const TIMEOUT_MS = 120_000;

/** A CustomResourceDefinition, as far as tests look into it. */
export interface Definition {
  metadata: { name: string };
  spec: { group: string; names: { kind: string; plural: string }; versions: { name: string }[] };
}

/** Modules whose releases hold the definitions. The first and the last are those that local/binaries pins as programs, too. */
const TRAINING_OPERATOR = "github.com/kubeflow/training-operator@v1.8.1";
const MPI_OPERATOR = "github.com/kubeflow/mpi-operator@v0.6.0";
const PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator";

/** Why the definitions cannot be had here; undefined if they can. */
export async function whyNoDefinitions(): Promise<string | undefined> {
  return (await findGo()) === undefined
    ? "the operators' definitions come with their Go modules, and there is no `go`"
    : undefined;
}

/** Definitions of the training operator's kinds, as it is released. */
export async function trainingDefinitions(...plurals: string[]): Promise<Definition[]> {
  const directory = await trainingOperatorDirectory();
  return await Promise.all(
    plurals.map((plural) => read(join(directory, `manifests/base/crds/kubeflow.org_${plural}.yaml`))),
  );
}

/** Directory of the training operator's module: its manifests are there. */
export async function trainingOperatorDirectory(): Promise<string> {
  return await moduleDirectory(TRAINING_OPERATOR);
}

/** Definition of the MPI operator's MPIJob v2beta1, as it is released. */
export async function mpiDefinition(): Promise<Definition> {
  return await read(join(await moduleDirectory(MPI_OPERATOR), "manifests/base/kubeflow.org_mpijobs.yaml"));
}

/** Definitions of the Prometheus operator's kinds, as they are released. */
export async function monitoringDefinitions(...plurals: string[]): Promise<Definition[]> {
  const version = (await binarySet("prometheus-operator")).versionOf(PROMETHEUS_OPERATOR);
  const directory = await moduleDirectory(`${PROMETHEUS_OPERATOR}@${version}`);
  return await Promise.all(
    plurals.map((plural) =>
      read(join(directory, `example/prometheus-operator-crd/monitoring.coreos.com_${plural}.yaml`)),
    ),
  );
}

/**
 * A definition of ElasticJob with the fields that its types have. The released one is for an API that servers no longer speak, so this is ours;
 * like that one it has no status subresource.
 */
export function elasticDefinition(): Definition {
  const count = { type: "integer", minimum: 1 };
  const replica = {
    type: "object",
    required: ["template"],
    properties: {
      replicas: { type: "integer" },
      restartPolicy: { type: "string", enum: ["Always", "OnFailure", "Never", "ExitCode"] },
      template: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
    },
  };
  const spec = {
    type: "object",
    required: ["rdzvEndpoint", "replicaSpecs"],
    properties: {
      rdzvEndpoint: { type: "string" },
      minReplicas: count,
      maxReplicas: count,
      cleanPodPolicy: { type: "string" },
      replicaSpecs: { type: "object", additionalProperties: replica },
    },
  };
  const status = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const definition = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "elasticjobs.elastic.pytorch.org" },
    spec: {
      group: "elastic.pytorch.org",
      scope: "Namespaced",
      names: { kind: "ElasticJob", listKind: "ElasticJobList", plural: "elasticjobs", singular: "elasticjob" },
      versions: [
        {
          name: "v1alpha1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", properties: { spec, status } } },
        },
      ],
    },
  };
  return definition;
}

async function findGo(): Promise<string | undefined> {
  return await findExecutable("go", ["/usr/local/go/bin"]);
}

/** The unpacked module in Go's own cache; its sum is checked against the public database. */
async function moduleDirectory(module: string): Promise<string> {
  const go = await findGo();
  if (go === undefined) throw new Error("there is no `go`");
  const cwd = await mkdtemp(join(tmpdir(), "odin-modules-"));
  try {
    await writeFile(join(cwd, "go.mod"), "module odin.io/test\n\ngo 1.26.0\n");
    const { stdout } = await execute(go, ["mod", "download", "-json", module], { cwd, timeout: TIMEOUT_MS });
    return (JSON.parse(stdout) as { Dir: string }).Dir;
  } finally {
    await rm(cwd, { recursive: true });
  }
}

async function read(path: string): Promise<Definition> {
  return yaml.load(await readFile(path, "utf8")) as Definition;
}
