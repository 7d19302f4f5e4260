/**
 * Registers machines, posts for them, takes them for down and hears of them again, for ever. Says `entered ID NAME`, `posted ID NUMBER` and so on, each with a dot behind it, once
 * that has been acknowledged. Arguments: path of the store, prefix of the names.
 */
import { EmbeddedSql } from "../../../../../store/embedded.ts";
import { hostsOn, payload } from "./hosts-stage.ts";

const [path = "", prefix = ""] = process.argv.slice(2);
const clock = { now: 1_000_000 };
const hosts = await hostsOn(new EmbeddedSql(path), prefix, clock, { saveEveryMs: 0 });

async function say(line: string): Promise<void> {
  await new Promise<void>((resolve) => process.stdout.write(`${line}.\n`, () => resolve()));
}

const ids: string[] = [];
for (let round = 0; ; round++) {
  if (ids.length < 8) {
    const { id, name } = await hosts.register(`${prefix}-${round}`, "10.0.0.7");
    ids.push(id);
    await say(`entered ${id} ${name}`);
  }
  await Promise.all(
    ids.map(async (id) => {
      await hosts.update(id, payload(round));
      await say(`posted ${id} ${round}`);
    }),
  );
  clock.now += 100_000;
  await hosts.markSilent(clock.now - 1);
  await say("down all");
}
