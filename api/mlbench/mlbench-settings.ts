import {
  addressValue,
  booleanValue,
  choiceValue,
  filePathValue,
  integerValue,
  listValue,
  type Setting,
  SettingProblem,
  type Values,
} from "../../settings/settings.ts";
import { type Networks, parseNetworks } from "../networks.ts";
import { MPI_LAUNCHER, templateProblem } from "./runs/command.ts";
import { BENCHMARK_IMAGES, type ImageTable, parseImageTable } from "./runs/image-table.ts";

/** How strictly workers are kept on nodes of their own (M-44). */
export const SPREADS = ["required", "preferred"] as const;

const OBJECT_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** Settings of the MLBench API, with the names that they have always had where they are not new (M-73). */
export const MLBENCH_SETTINGS = {
  mlbenchEnabled: {
    flag: "mlbench-enabled",
    env: "MLBENCH_ENABLED",
    help: "Serve the MLBench API. If not, nothing is below `/api` but the Clockwork API.",
    fallback: "true",
    parse: booleanValue,
  },
  mlbenchRelease: {
    flag: "mlbench-kube-releasename",
    env: "MLBENCH_KUBE_RELEASENAME",
    help: "Release whose pods are workers of the MLBench API: they carry it as their label `release`, and their objects in their names.",
    fallback: "mlbench",
    parse: releaseValue,
  },
  mlbenchNamespace: {
    flag: "mlbench-namespace",
    env: "MLBENCH_NAMESPACE",
    help: "Namespace of the runs of the MLBench API and their workers.",
    fallback: "default",
    parse: namespaceValue,
  },
  mlbenchMaxWorkers: {
    flag: "mlbench-max-workers",
    env: "MLBENCH_MAX_WORKERS",
    help: "Most workers of all started runs of the MLBench API together; further runs wait.",
    fallback: "128",
    parse: integerValue(1, 100_000),
  },
  mlbenchWorkerMaxCpu: {
    flag: "mlbench-worker-max-cpu",
    env: "MLBENCH_WORKER_MAX_CPU",
    help: "Most CPUs of a worker that a form offers; the MLBench API takes more as well.",
    parse: integerValue(1, 100_000),
  },
  mlbenchMaxGpuPerWorker: {
    flag: "mlbench-max-gpu-per-worker",
    env: "MLBENCH_MAX_GPU_PER_WORKER",
    help: "How often the command of an MLBench run names each worker, once for each GPU; 0 is like 1.",
    fallback: "0",
    parse: integerValue(0, 1_000),
  },
  mlbenchNetwork: {
    flag: "mlbench-network",
    env: "MLBENCH_NETWORK",
    help: "Networks, such as `10.0.0.0/8`, from which the MLBench API takes requests without a credential, separated by commas; `loopback` stands for this machine.",
    fallback: "loopback",
    parse: networksValue,
  },
  mlbenchTrustedProxies: {
    flag: "mlbench-trusted-proxies",
    env: "MLBENCH_TRUSTED_PROXIES",
    help: "Addresses and networks of proxies whose `X-Forwarded-For` the MLBench API believes, separated by commas.",
    fallback: "",
    parse: networksValue,
  },
  mlbenchListen: {
    flag: "mlbench-listen",
    env: "MLBENCH_LISTEN",
    help: "Further address, such as `0.0.0.0:80`, at which the MLBench API alone is served, always over plain HTTP: its clients speak nothing else.",
    parse: addressValue,
  },
  mlbenchPod: {
    flag: "mlbench-pod",
    env: "MLBENCH_POD",
    help: "Name of the pod of this process. While this is the process that carries out the runs of the MLBench API, the pod has the labels by which clients find it. Without it, none has.",
    parse: podNameValue,
  },
  mlbenchSingleRun: {
    flag: "mlbench-single-run",
    env: "MLBENCH_SINGLE_RUN",
    help: "Refuse an MLBench run while another is active, in place of letting it wait.",
    fallback: "false",
    parse: booleanValue,
  },
  mlbenchDefaultImage: {
    flag: "mlbench-default-image",
    env: "MLBENCH_DEFAULT_IMAGE",
    help: "Image of MLBench runs that name none, as `--mlbench-images` knows it. Without it, the first of these.",
    parse: (text: string) => text,
  },
  mlbenchImages: {
    flag: "mlbench-images",
    env: "MLBENCH_IMAGES",
    help: 'Images that MLBench runs may name, in place of the built-in ones, in JSON: `{"image:tag": {"command": "/run --hosts {hosts}", "gpu": true}}`.',
    parse: imagesValue,
  },
  mlbenchMpiCommand: {
    flag: "mlbench-mpi-command",
    env: "MLBENCH_MPI_COMMAND",
    help: "What starts the command of an MLBench run with the backend mpi.",
    fallback: MPI_LAUNCHER,
    parse: templateValue,
  },
  mlbenchSpread: {
    flag: "mlbench-spread",
    env: "MLBENCH_SPREAD",
    help: "Whether a node may have only one MLBench worker (`required`) or should (`preferred`).",
    fallback: "required",
    parse: choiceValue(SPREADS),
  },
  mlbenchPrivileged: {
    flag: "mlbench-privileged",
    env: "MLBENCH_PRIVILEGED",
    help: "Give MLBench workers all rights on their node.",
    fallback: "false",
    parse: booleanValue,
  },
  mlbenchHostPort: {
    flag: "mlbench-host-port",
    env: "MLBENCH_HOST_PORT",
    help: "Port of the node that leads to the port for ssh of the MLBench worker on it, formerly 16166. Without it, none does.",
    parse: integerValue(1, 65_535),
  },
  mlbenchOutputLines: {
    flag: "mlbench-output-lines",
    env: "MLBENCH_OUTPUT_LINES",
    help: "Most lines that are kept of the output of an MLBench run, and as many of its errors.",
    fallback: "100000",
    parse: integerValue(1, 10_000_000),
  },
  mlbenchPodMetricDays: {
    flag: "mlbench-pod-metric-days",
    env: "MLBENCH_POD_METRIC_DAYS",
    help: "Days for which metrics of MLBench workers are kept that belong to no run, after the worker has gone.",
    fallback: "7",
    parse: integerValue(0, 36_500),
  },
  mlbenchScrapeSeconds: {
    flag: "mlbench-scrape-seconds",
    env: "MLBENCH_SCRAPE_SECONDS",
    help: "Seconds between two readings of what MLBench workers use; 0: they are not read.",
    fallback: "5",
    parse: integerValue(0, 86_400),
  },
  mlbenchKubeletPort: {
    flag: "mlbench-kubelet-port",
    env: "MLBENCH_KUBELET_PORT",
    help: "Port of the kubelets that say what MLBench workers use; 10255 is spoken to without TLS.",
    fallback: "10250",
    parse: integerValue(1, 65_535),
  },
  mlbenchKubeletCa: {
    flag: "mlbench-kubelet-ca",
    env: "MLBENCH_KUBELET_CA",
    help: "File in PEM with the certificates by which those kubelets are known. Without it, that of the API server's authority for our own credential; with `--mlbench-kubelet-account` they are not checked.",
    parse: filePathValue,
  },
  mlbenchKubeletAccount: {
    flag: "mlbench-kubelet-account",
    env: "MLBENCH_KUBELET_ACCOUNT",
    help: "Service account in the namespace of this program's pods, with the right to get `nodes/stats` and no other, whose token those kubelets are sent in place of our own.",
    parse: accountValue,
  },
  mlbenchCadvisor: {
    flag: "mlbench-cadvisor",
    env: "MLBENCH_CADVISOR",
    help: "Also keep what the kubelets' cAdvisor says of MLBench workers, under its own names.",
    fallback: "false",
    parse: booleanValue,
  },
} as const satisfies Record<string, Setting<unknown>>;

/** The settings in the form in which the parts of the MLBench API take them. */
export interface MlbenchSettings {
  enabled: boolean;
  /** Label `release` of workers, and part of their objects' names. */
  release: string;
  namespace: string;
  maxWorkers: number;
  /** Of the web form; absent: no bound. */
  workerMaxCpu?: number;
  maxGpuPerWorker: number;
  network: Networks;
  trustedProxies: Networks;
  /** Absent: only where the whole API listens. */
  listen?: { host: string; port: number };
  /** Our own pod; absent: none is labelled. */
  pod?: string;
  singleRun: boolean;
  images: ImageTable;
  /** A key of `images`. */
  defaultImage: string;
  mpiCommand: string;
  spread: (typeof SPREADS)[number];
  privileged: boolean;
  hostPort?: number;
  outputLines: number;
  podMetricDays: number;
  /** 0: never. */
  scrapeSeconds: number;
  kubeletPort: number;
  /** Path of a file in PEM. */
  kubeletCa?: string;
  /** Name of a service account; absent: our own. */
  kubeletAccount?: string;
  cadvisor: boolean;
}

/** Puts the values together; throws a `SettingProblem` for a default image that is not in the table. */
export function mlbenchSettings(values: Values<typeof MLBENCH_SETTINGS>): MlbenchSettings {
  const images = values.mlbenchImages ?? BENCHMARK_IMAGES;
  const { mlbenchWorkerMaxCpu: workerMaxCpu, mlbenchListen: listen, mlbenchHostPort: hostPort } = values;
  const { mlbenchKubeletCa: kubeletCa, mlbenchKubeletAccount: kubeletAccount, mlbenchPod: pod } = values;
  const [first = ""] = images.keys();
  const defaultImage = values.mlbenchDefaultImage ?? first;
  if (!images.has(defaultImage)) {
    throw new SettingProblem(
      `--mlbench-default-image (MLBENCH_DEFAULT_IMAGE) ${JSON.stringify(defaultImage)}: must be one of ${[...images.keys()].join(", ")}`,
    );
  }
  return {
    enabled: values.mlbenchEnabled,
    release: values.mlbenchRelease,
    namespace: values.mlbenchNamespace,
    maxWorkers: values.mlbenchMaxWorkers,
    ...(workerMaxCpu === undefined ? {} : { workerMaxCpu }),
    maxGpuPerWorker: values.mlbenchMaxGpuPerWorker,
    network: values.mlbenchNetwork,
    trustedProxies: values.mlbenchTrustedProxies,
    ...(listen === undefined ? {} : { listen }),
    ...(pod === undefined ? {} : { pod }),
    singleRun: values.mlbenchSingleRun,
    images,
    defaultImage,
    mpiCommand: values.mlbenchMpiCommand,
    spread: values.mlbenchSpread,
    privileged: values.mlbenchPrivileged,
    ...(hostPort === undefined ? {} : { hostPort }),
    outputLines: values.mlbenchOutputLines,
    podMetricDays: values.mlbenchPodMetricDays,
    scrapeSeconds: values.mlbenchScrapeSeconds,
    kubeletPort: values.mlbenchKubeletPort,
    ...(kubeletCa === undefined ? {} : { kubeletCa }),
    ...(kubeletAccount === undefined ? {} : { kubeletAccount }),
    cadvisor: values.mlbenchCadvisor,
  };
}

/** Names are made of it, so it is as long as leaves room for the rest. */
function releaseValue(text: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/.test(text))
    throw new SettingProblem("must be 1 to 40 lower-case letters, digits and -, beginning and ending without a -");
  return text;
}

function namespaceValue(text: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text)) throw new SettingProblem("must be the name of one namespace");
  return text;
}

function podNameValue(text: string): string {
  if (!OBJECT_NAME.test(text)) throw new SettingProblem("must be the name of a pod");
  return text;
}

function accountValue(text: string): string {
  if (!OBJECT_NAME.test(text)) throw new SettingProblem("must be the name of a service account");
  return text;
}

function networksValue(text: string): Networks {
  try {
    return parseNetworks(listValue(text));
  } catch (error) {
    throw new SettingProblem((error as Error).message);
  }
}

function imagesValue(text: string): ImageTable {
  try {
    return parseImageTable(text);
  } catch (error) {
    throw new SettingProblem((error as Error).message);
  }
}

function templateValue(text: string): string {
  const problem = templateProblem(text);
  if (problem !== undefined) throw new SettingProblem(problem);
  return text;
}
