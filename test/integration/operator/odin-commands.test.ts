import { suite } from "uvu";
import * as assert from "uvu/assert";
import { kubectlApply } from "../../support/kubectl.ts";
import { Stage, task } from "./stage.ts";

const commands = suite("tasks of Odin's own programs");
let stage: Stage;
commands.before(async () => {
  stage = await Stage.open();
});
commands.after(async () => {
  await stage?.close();
});

const tasks = [
  task("plain", { command: ["python3"] }),
  task("select", { command: ["odin-select-model"] }),
  task("chores", { command: ["odin-chores"] }),
];

/** What a task sees below /etc, with the key that is mounted there. */
async function below(run: string, name: string): Promise<string[]> {
  const mounts = (await stage.pod(run, name)).spec.containers[0]?.volumeMounts ?? [];
  return mounts
    .filter(({ mountPath }) => mountPath.startsWith("/etc/"))
    .map((mount) => `${mount.mountPath} ${mount.subPath}`);
}

commands("O-166: what does not exist is not mounted, so that nothing waits for it", async () => {
  await stage.create("nothing", { tasks });
  for (const { name } of tasks) assert.equal(await below("nothing", name), [], name);
});

commands("O-166: odin-cred for commands starting with odin, keys and ssh-config for chores too", async () => {
  await kubectlApply(
    stage.namespace,
    { apiVersion: "v1", kind: "Secret", metadata: { name: "odin-cred" }, stringData: { "odin-cred.yml": "x" } },
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "ssh-key", labels: { "odin.io/mountable": "true" } },
      stringData: { identity: "x" },
    },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "ssh-config" },
      data: { ssh_config: "x", known_hosts: "y" },
    },
  );
  await stage.create("all", { tasks });
  const credential = "/etc/odind/odin-cred.yml odin-cred.yml";
  assert.equal(await below("all", "plain"), []);
  assert.equal(await below("all", "select"), [credential]);
  assert.equal(await below("all", "chores"), [
    credential,
    "/etc/odind/identity identity",
    "/etc/ssh/ssh_config ssh_config",
    "/etc/ssh/ssh_known_hosts known_hosts",
  ]);
  const { env } = (await stage.pod("all", "chores")).spec.containers[0] ?? {};
  assert.is(env?.find(({ name }) => name === "ODIN_CRED")?.value, "/etc/odind/odin-cred.yml");
});

commands("O-166: what the task asks for itself stays as it asked", async () => {
  const secrets = [{ name: "odin-cred", path: "/etc/mine.yml", subPath: "odin-cred.yml" }];
  const configMaps = [{ name: "ssh-config", path: "/etc/ssh/ssh_config", subPath: "ssh_config" }];
  await stage.create("asked", { tasks: [task("a", { command: ["odin-chores"], secrets, configMaps })] });
  assert.equal(await below("asked", "a"), [
    "/etc/mine.yml odin-cred.yml",
    "/etc/odind/identity identity",
    "/etc/ssh/ssh_config ssh_config",
  ]);
});
commands.run();
