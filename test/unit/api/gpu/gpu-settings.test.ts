import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { GPU_SETTINGS, type GpuSettings, gpuSettings } from "../../../../api/gpu/gpu-settings.ts";
import { readSettings, SettingProblem } from "../../../../settings/settings.ts";
import { textOf } from "../../../support/documents.ts";

const test = suite("settings about GPUs");

const read = (env: Record<string, string> = {}): GpuSettings => gpuSettings(readSettings(GPU_SETTINGS, [], env));

function complaint(env: Record<string, string>): string {
  try {
    read(env);
  } catch (error) {
    if (!(error instanceof SettingProblem)) throw error;
    assert.not.match(error.message, "\n");
    return error.message;
  }
  return "none";
}

test("G-2, G-30, G-31: what holds where nothing is said", () => {
  assert.equal(read(), {
    via: "pods",
    selectors: ["app.kubernetes.io/name=dcgm-exporter", "app=nvidia-dcgm-exporter"],
    targets: [],
    scheme: "http",
    intervalMs: 15_000,
  });
});

test("G-30: selectors, a list of exporters, TLS, a Secret, a namespace", () => {
  const directory = mkdtempSync(join(tmpdir(), "gpu-settings-"));
  try {
    const ca = join(directory, "ca.pem");
    writeFileSync(ca, "PEM");
    const settings = read({
      ODIN_DCGM_SELECTORS: "a=b,c!=d ; tier in (x, y),!old,new;",
      ODIN_DCGM_TARGETS: "gpu-1=http://10.0.0.7:9400, gpu-2=https://[fd00::1]/custom",
      ODIN_DCGM_SCHEME: "https",
      ODIN_DCGM_CA: ca,
      ODIN_DCGM_SERVER_NAME: "exporter.internal",
      ODIN_DCGM_AUTH_SECRET: "gpu-operator/exporter",
      ODIN_DCGM_NAMESPACE: "gpu-operator",
      ODIN_NODE_SELECTOR: "kubernetes.io/os=linux, pool != control",
      ODIN_GPU_INTERVAL: "30",
    });
    assert.equal(settings.selectors, ["a=b,c!=d", "tier in (x, y),!old,new"]);
    assert.equal(
      settings.targets.map(({ node, url }) => [node, url.href]),
      [
        ["gpu-1", "http://10.0.0.7:9400/metrics"],
        ["gpu-2", "https://[fd00::1]/custom"],
      ],
    );
    assert.equal([settings.ca, settings.serverName, settings.scheme], ["PEM", "exporter.internal", "https"]);
    assert.equal(settings.authSecret, { namespace: "gpu-operator", name: "exporter" });
    assert.equal(
      [settings.namespace, settings.nodeSelector],
      ["gpu-operator", "kubernetes.io/os=linux,pool != control"],
    );
    assert.is(settings.intervalMs, 30_000);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("G-30: a wrong value names its setting and what is expected, and shows no password", () => {
  const cases: [Record<string, string>, RegExp][] = [
    [{ ODIN_DCGM_VIA: "proxy" }, /ODIN_DCGM_VIA.*pods, apiserver, none/],
    [{ ODIN_DCGM_SELECTORS: ";" }, /ODIN_DCGM_SELECTORS.*label selector/],
    [{ ODIN_DCGM_SELECTORS: "a b" }, /ODIN_DCGM_SELECTORS.*label selector/],
    [{ ODIN_DCGM_SELECTORS: "a=b;;c=d e" }, /ODIN_DCGM_SELECTORS/],
    [{ ODIN_NODE_SELECTOR: "a=b,=c" }, /ODIN_NODE_SELECTOR/],
    [{ ODIN_DCGM_TARGETS: "http://10.0.0.7:9400" }, /ODIN_DCGM_TARGETS.*NODE=URL/],
    [{ ODIN_DCGM_TARGETS: "gpu-1=10.0.0.7:9400" }, /ODIN_DCGM_TARGETS.*NODE=URL/],
    [{ ODIN_DCGM_TARGETS: "gpu-1=file:///etc/passwd" }, /ODIN_DCGM_TARGETS.*NODE=URL/],
    [{ ODIN_DCGM_TARGETS: "GPU_1=http://h" }, /ODIN_DCGM_TARGETS.*NODE=URL/],
    [{ ODIN_DCGM_TARGETS: "a=http://h/,a=http://h/metrics" }, /ODIN_DCGM_TARGETS.*twice/],
    [{ ODIN_DCGM_SCHEME: "ftp" }, /ODIN_DCGM_SCHEME.*http, https/],
    [{ ODIN_DCGM_CA: "/nowhere/ca.pem" }, /ODIN_DCGM_CA.*ENOENT/],
    [{ ODIN_DCGM_AUTH_SECRET: "exporter" }, /ODIN_DCGM_AUTH_SECRET.*NAMESPACE\/NAME/],
    [{ ODIN_DCGM_AUTH_SECRET: "../x" }, /ODIN_DCGM_AUTH_SECRET/],
    [{ ODIN_DCGM_VIA: "apiserver", ODIN_DCGM_AUTH_SECRET: "a/b" }, /ODIN_DCGM_AUTH_SECRET.*apiserver/],
    [{ ODIN_DCGM_NAMESPACE: "*" }, /ODIN_DCGM_NAMESPACE.*one namespace/],
    [{ ODIN_GPU_INTERVAL: "0" }, /ODIN_GPU_INTERVAL.*1 to 3600/],
    [{ ODIN_GPU_INTERVAL: "0.5" }, /ODIN_GPU_INTERVAL/],
  ];
  for (const [env, expected] of cases) assert.match(complaint(env), expected);
  const secret = complaint({ ODIN_DCGM_TARGETS: "a=http://h/,b=http://user:hunter22@h/" });
  assert.match(secret, /ODIN_DCGM_TARGETS.*must not hold a password/);
});

test("G-39: the documentation warns of fast exporters", () => {
  assert.match(textOf("docs/how-to/see-gpus.md"), /Do not make the exporter sample faster than its 30 s/);
});

test.run();
