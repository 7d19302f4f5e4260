import { suite } from "uvu";
import * as assert from "uvu/assert";
import { StoreWatch } from "../../../api/store-watch.ts";
import { until } from "../../support/deadline.ts";

const WAIT_MS = 60_000;
const watches = suite("the API and its store, at the start and after it");

/** A store whose state is what `says` does when it is asked, and what is logged of it. */
function watched(says: () => Promise<void>, patienceMs: number) {
  const lines: string[] = [];
  const log = (level: string) => (fields: object, message: string) => {
    lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  };
  const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
  const watch = new StoreWatch({ name: "the database", check: () => says() }, logger, { patienceMs, everyMs: 5 });
  return { watch, lines };
}

watches("F-36: the start waits until the store has been opened", async () => {
  let open: () => void = () => undefined;
  const { watch, lines } = watched(() => new Promise((resolve) => (open = resolve)), WAIT_MS);
  const started = watch.start();
  assert.equal([watch.state, watch.awaited], ["opening", true]);
  open();
  await started;
  assert.equal([watch.state, watch.awaited], ["open", false]);
  assert.match(lines.join("\n"), /^info store open .*the database/);
  watch.stop();
});

watches("F-36: a store that refuses is not waited for, is told of once, and is found when it is back", async () => {
  let refuses = true;
  let asked = 0;
  const { watch, lines } = watched(async () => {
    asked += 1;
    if (refuses) throw new Error("no such host");
  }, WAIT_MS);
  await watch.start();
  assert.equal([watch.state, watch.awaited], ["away", false]);
  await until(() => asked >= 3, WAIT_MS, { describe: "it is looked for again" });
  assert.is(lines.length, 1, lines.join("\n"));
  assert.match(lines[0] ?? "", /^error the store does not work.*no such host/);
  refuses = false;
  await until(() => watch.state === "open", WAIT_MS, { describe: "it is found" });
  refuses = true;
  await until(() => watch.state === "away", WAIT_MS, { describe: "it is missed" });
  assert.is(lines.length, 3, lines.join("\n"));
  watch.stop();
});

watches("F-36: a store that says nothing at all is waited for no longer than its time", async () => {
  const { watch } = watched(() => new Promise(() => undefined), 20);
  await watch.start();
  assert.equal([watch.state, watch.awaited], ["opening", false]);
  watch.stop();
});

watches("without a store there is nothing to wait for, and a stop ends the wait", async () => {
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const none = new StoreWatch(undefined, logger);
  await none.start();
  assert.equal([none.state, none.awaited], ["none", false]);
  const { watch, lines } = watched(() => new Promise(() => undefined), WAIT_MS);
  const started = watch.start();
  watch.stop();
  await started;
  assert.equal(lines, []);
});

watches.run();
