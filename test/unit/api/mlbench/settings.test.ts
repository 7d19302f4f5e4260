import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { MlbenchSettings } from "../../../../api/mlbench/mlbench-settings.ts";
import { BENCHMARK_IMAGES } from "../../../../api/mlbench/runs/image-table.ts";
import { API_SETTINGS, readApiSettings } from "../../../../api/settings.ts";
import { SettingProblem } from "../../../../settings/settings.ts";

const settings = suite("settings of the MLBench API");

function read(env: Record<string, string>, argv: string[] = []): MlbenchSettings {
  return readApiSettings(argv, { ODIN_SECRET: "s".repeat(32), ...env }).mlbench;
}

settings("M-73: names and defaults", () => {
  const { network, trustedProxies, images, ...others } = read({});
  assert.is(images, BENCHMARK_IMAGES);
  assert.ok(network.has("127.0.0.1") && network.has("::1") && !network.has("10.0.0.1"));
  assert.not(trustedProxies.has("127.0.0.1"));
  assert.match(others.mpiCommand, /^\/\.openmpi\/bin\/mpirun --mca .* --host \{hosts\}$/);
  assert.equal(others, {
    enabled: true,
    release: "mlbench",
    namespace: "default",
    maxWorkers: 128,
    maxGpuPerWorker: 0,
    singleRun: false,
    defaultImage: "mlbench/pytorch-cifar10-resnet20-all-reduce:latest",
    mpiCommand: others.mpiCommand,
    spread: "required",
    privileged: false,
    outputLines: 100_000,
    podMetricDays: 7,
    scrapeSeconds: 5,
    kubeletPort: 10_250,
    cadvisor: false,
  });
});

settings("M-73: flags have the names of the variables, in lower case with dashes", () => {
  const own = Object.values(API_SETTINGS).filter(({ env }) => env.startsWith("MLBENCH_"));
  assert.is(own.length, 24);
  for (const setting of own) {
    assert.is("flag" in setting && setting.flag, setting.env.toLowerCase().replaceAll("_", "-"));
  }
  assert.is(read({ MLBENCH_MAX_WORKERS: "3" }, ["--mlbench-max-workers", "4"]).maxWorkers, 4);
});

settings("M-73: every value is taken", () => {
  const images = '{"own/a:1": "/a {hosts}", "own/b:1": {"command": "/b", "gpu": false}}';
  const given = read({
    MLBENCH_ENABLED: "false",
    MLBENCH_POD: "odin-api-0",
    MLBENCH_KUBE_RELEASENAME: "rel",
    MLBENCH_NAMESPACE: "bench",
    MLBENCH_WORKER_MAX_CPU: "5",
    MLBENCH_MAX_GPU_PER_WORKER: "2",
    MLBENCH_NETWORK: "10.0.0.0/8, fd00::/8, 192.168.0.7",
    MLBENCH_LISTEN: "0.0.0.0:80",
    MLBENCH_SINGLE_RUN: "true",
    MLBENCH_DEFAULT_IMAGE: "own/b:1",
    MLBENCH_IMAGES: images,
    MLBENCH_MPI_COMMAND: "/mpirun --host {hosts}",
    MLBENCH_SPREAD: "preferred",
    MLBENCH_PRIVILEGED: "true",
    MLBENCH_HOST_PORT: "16166",
    MLBENCH_OUTPUT_LINES: "10",
    MLBENCH_POD_METRIC_DAYS: "0",
    MLBENCH_SCRAPE_SECONDS: "0",
    MLBENCH_KUBELET_PORT: "10255",
    MLBENCH_KUBELET_CA: "/etc/ca.pem",
    MLBENCH_KUBELET_ACCOUNT: "kubelets",
    MLBENCH_CADVISOR: "true",
  });
  assert.equal([...given.images.keys()], ["own/a:1", "own/b:1"]);
  assert.equal(
    ["10.1.2.3", "::ffff:10.1.2.3", "fd12::1", "192.168.0.7", "192.168.0.8", "127.0.0.1", "nonsense"].map((address) =>
      given.network.has(address),
    ),
    [true, true, true, true, false, false, false],
  );
  assert.equal([given.enabled, given.pod], [false, "odin-api-0"]);
  assert.equal(
    [given.release, given.namespace, given.workerMaxCpu, given.maxGpuPerWorker, given.listen, given.singleRun],
    ["rel", "bench", 5, 2, { host: "0.0.0.0", port: 80 }, true],
  );
  assert.equal(
    [given.defaultImage, given.mpiCommand, given.spread, given.privileged, given.hostPort, given.outputLines],
    ["own/b:1", "/mpirun --host {hosts}", "preferred", true, 16_166, 10],
  );
  assert.equal(
    [
      given.podMetricDays,
      given.scrapeSeconds,
      given.kubeletPort,
      given.kubeletCa,
      given.cadvisor,
      given.kubeletAccount,
    ],
    [0, 0, 10_255, "/etc/ca.pem", true, "kubelets"],
  );
});

settings("M-73: a wrong value stops the start with its name", () => {
  for (const [name, value] of [
    ["MLBENCH_ENABLED", "2"],
    ["MLBENCH_POD", "no pod"],
    ["MLBENCH_KUBE_RELEASENAME", "Not_A_Name"],
    ["MLBENCH_NAMESPACE", "two words"],
    ["MLBENCH_MAX_WORKERS", "0"],
    ["MLBENCH_WORKER_MAX_CPU", "many"],
    ["MLBENCH_MAX_GPU_PER_WORKER", "-1"],
    ["MLBENCH_NETWORK", "10.0.0.0/33"],
    ["MLBENCH_NETWORK", "everywhere"],
    ["MLBENCH_LISTEN", "80"],
    ["MLBENCH_SINGLE_RUN", "perhaps"],
    ["MLBENCH_DEFAULT_IMAGE", "nobody/knows:it"],
    ["MLBENCH_IMAGES", "[]"],
    ["MLBENCH_IMAGES", '{"a:1": "/run {nothing}"}'],
    ["MLBENCH_MPI_COMMAND", "mpirun {what}"],
    ["MLBENCH_SPREAD", "wide"],
    ["MLBENCH_PRIVILEGED", "2"],
    ["MLBENCH_HOST_PORT", "70000"],
    ["MLBENCH_OUTPUT_LINES", "0"],
    ["MLBENCH_POD_METRIC_DAYS", "-1"],
    ["MLBENCH_SCRAPE_SECONDS", "5s"],
    ["MLBENCH_KUBELET_PORT", "0"],
    ["MLBENCH_KUBELET_CA", "relative.pem"],
    ["MLBENCH_KUBELET_ACCOUNT", "odin/kubelets"],
    ["MLBENCH_CADVISOR", "maybe"],
  ] as const) {
    try {
      read({ [name]: value });
    } catch (error) {
      assert.instance(error, SettingProblem);
      assert.match((error as Error).message, name);
      continue;
    }
    assert.unreachable(`${name}=${value} is taken`);
  }
});
settings.run();
