import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PIPELINE } from "../../../crds/resources.ts";
import { CONFIG_MAP } from "../../../kube/core-resources.ts";
import { Informer } from "../../../kube/informer.ts";
import type { Logger } from "../../../kube/logger.ts";
import { collectionPath, type KubeObject } from "../../../kube/resource.ts";
import { checkSimulated } from "../../simulation/contract/simulated-ground.ts";
import { configMap } from "../../simulation/contract/writes.ts";

interface Line {
  atMs: number;
  level: string;
  message: string;
}

function keeping(lines: Line[]): Logger {
  const keep = (level: string) => (_fields: object, message: string) => {
    lines.push({ atMs: performance.now(), level, message });
  };
  return { debug: keep("debug"), info: keep("info"), warn: keep("warn"), error: keep("error") };
}

const silence = suite("a watch in which nothing happens");

silence("F-3: is opened again without a pause and without a warning, for as long as nothing happens", async () => {
  const lines: Line[] = [];
  await checkSimulated({
    title: "",
    check: async ({ client, namespace }) => {
      const logger = keeping(lines);
      const informer = new Informer<KubeObject>({
        client,
        resource: PIPELINE,
        namespace,
        project: (raw) => raw,
        logger,
      });
      informer.start();
      await informer.synced;
      await sleep(280_000);
      await informer.stop();
    },
  });
  assert.equal(
    lines.filter(({ level }) => level === "warn" || level === "error"),
    [],
  );
  const silent = lines.filter(({ message }) => message.includes("silent"));
  assert.is(silent.length, 3);
  for (const { atMs } of silent) {
    const open = lines.find((line) => line.atMs > atMs && line.message === "the watch is open");
    assert.ok(open !== undefined && open.atMs - atMs < 50, `opened again after ${(open?.atMs ?? 0) - atMs} ms`);
  }
});

silence("F-3: misses nothing that happens while it is being opened again", async () => {
  await checkSimulated({
    title: "",
    check: async ({ client, namespace }) => {
      const informer = new Informer<KubeObject>({
        client,
        resource: CONFIG_MAP,
        namespace,
        project: (raw) => raw,
        logger: keeping([]),
      });
      informer.start();
      await informer.synced;
      for (let round = 0; round < 5; round++) {
        await sleep(90_000 + round * 2);
        await client.create(collectionPath(CONFIG_MAP, namespace), configMap(`made-${round}`));
      }
      await sleep(200);
      assert.is(informer.size, 5);
      await informer.stop();
    },
  });
});

silence.run();
