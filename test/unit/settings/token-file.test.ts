import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadCluster } from "../../../settings/kube-config.ts";
import { SettingProblem } from "../../../settings/settings.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

const test = suite("tokenFile of a kubeconfig");
let place: TemporaryDirectory;
test.before.each(async () => {
  place = await temporaryDirectory();
});
test.after.each(async () => {
  await place.remove();
});

async function kubeconfig(user: object): Promise<string> {
  const file = join(place.path, "config");
  const text = {
    clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
    users: [{ name: "u", user }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
  await writeFile(file, JSON.stringify(text));
  return file;
}

test("F-13: it is read like kubectl does, relative to the kubeconfig", async () => {
  await mkdir(join(place.path, "secrets"));
  await writeFile(join(place.path, "secrets/token"), "abc\n");
  const { kubeConfig } = loadCluster(await kubeconfig({ tokenFile: "secrets/token" }), undefined);
  const options: { headers?: Record<string, string> } = {};
  await kubeConfig.applyToHTTPSOptions(options);
  assert.is(options.headers?.Authorization?.trim(), "Bearer abc");
  assert.is(kubeConfig.getCurrentUser()?.authProvider?.config?.tokenFile, join(place.path, "secrets/token"));
});

test("a token in the kubeconfig itself goes before a file", async () => {
  const { kubeConfig } = loadCluster(await kubeconfig({ token: "inline", tokenFile: "nowhere" }), undefined);
  assert.is(kubeConfig.getCurrentUser()?.authProvider, undefined);
  assert.is(kubeConfig.getCurrentUser()?.token, "inline");
});

test("a file that is not there is named", async () => {
  const file = await kubeconfig({ tokenFile: "nowhere" });
  try {
    loadCluster(file, undefined);
  } catch (error) {
    assert.instance(error, SettingProblem);
    assert.match(String(error), `tokenFile ${join(place.path, "nowhere")} of user u is not there`);
    return;
  }
  assert.unreachable("it was taken");
});
test.run();
