import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CONFIG_MAP } from "../../../kube/core-resources.ts";
import { collectionPath } from "../../../kube/resource.ts";
import { CONTRACT } from "../../simulation/contract/contract.ts";
import { watched } from "../../simulation/contract/ground.ts";
import { checkSimulated } from "../../simulation/contract/simulated-ground.ts";

const contract = suite("contract of the simulated API server");
for (const promised of CONTRACT) contract(promised.title, () => checkSimulated(promised));

// A real server may leave this out; the simulated one always does it, so that schedules meet bookmarks.
const title = "a watch gets a bookmark, not older than others' last change, before its time is over";
contract(title, () =>
  checkSimulated({
    title,
    async check(ground) {
      const path = collectionPath(CONFIG_MAP, ground.namespace);
      const { resourceVersion } = (await ground.client.listAll(path)).metadata;
      const query = { labelSelector: "check=nobody", resourceVersion, allowWatchBookmarks: true, timeoutSeconds: 6 };
      const watching = watched(ground, path, query);
      const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "unselected" } };
      const other = await ground.client.create<{ metadata: { resourceVersion: string } }>(path, body);
      const events = await watching;
      assert.equal([...new Set(events.map(({ type }) => type))], ["BOOKMARK"]);
      assert.ok(Number(events.at(-1)?.object.metadata.resourceVersion) >= Number(other.metadata.resourceVersion));
    },
  }),
);
contract.run();
