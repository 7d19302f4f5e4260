// timeout: 1200
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { auditedRequests } from "../../support/audit-log.ts";
import { until } from "../../support/deadline.ts";
import { blocksOf } from "../../support/documents.ts";
import { kubectl } from "../../support/kubectl.ts";
import { Replicas } from "./replica-stage.ts";

const WAIT_MS = 300_000;
/** Long enough for three processes that start on a busy machine to renew in time: a process that does not has to end. */
const LEASE_SECONDS = 45;

const shards = suite("shards of several replicas");
shards(
  "F-6, F-33, I-8: of three replicas with four shards one is killed in the middle of 200 runs; all are done, none twice",
  async () => {
    const shared = await Replicas.open(4, LEASE_SECONDS);
    try {
      const [first] = await Promise.all(["one", "two", "three"].map((identity) => shared.start(identity, false)));
      const holders = async (): Promise<string[]> =>
        await Promise.all(
          ["odin-operator", "odin-operator-1", "odin-operator-2", "odin-operator-3"].map((lease) =>
            shared.holder(lease),
          ),
        );
      await until(holders, WAIT_MS, {
        describe: "all three hold a shard",
        accept: (names) => new Set(names).size === 3 && !names.includes(""),
      });
      await shared.create("many", 200);
      await shared.untilPhase("many", "DONE", 50);
      const busy = async (): Promise<Set<string>> => {
        const requests = await auditedRequests(shared.namespace);
        const creations = requests.filter(({ verb, resource }) => verb === "create" && resource === "pods");
        return new Set(creations.map(({ userAgent }) => userAgent));
      };
      await until(busy, WAIT_MS, { describe: "all three work", accept: ({ size }) => size === 3 });
      const [block] = blocksOf("docs/how-to/run-several-replicas.md");
      const shown = await kubectl(...(block?.text.trim().split(/\s+/).slice(1) ?? []), "-n", shared.namespace);
      assert.match(shown, /^LEASE +HOLDER +RENEWED$/m);
      assert.match(shown, /^odin-operator-3 +(?:one|two|three) +20/m);
      assert.match(shown, /^odin-operator-member-\w+ /m);
      await first?.end("SIGKILL");
      await shared.untilPhase("many", "DONE", 200);
      await shared.judge();
      // Where its own runs were all done nobody needs its shards, and they are taken when its leases have run out.
      await until(holders, WAIT_MS, {
        describe: "the others hold its shards",
        accept: (names) => !names.includes("one") && !names.includes(""),
      });
    } finally {
      await shared.close();
    }
  },
);
shards.run();
