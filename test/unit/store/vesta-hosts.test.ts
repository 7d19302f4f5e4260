import { suite } from "uvu";
import { embeddedStores } from "./store-cases.ts";
import { vestaHistoryCases } from "./vesta-history-cases.ts";
import { vestaHostsCases } from "./vesta-hosts-cases.ts";

const test = suite("hosts of vesta and their history");
const stores = embeddedStores(test);
let count = 0;

vestaHostsCases(test, async () => stores.open(`store-${count++}.db`));
vestaHistoryCases(test, async () => stores.open(`store-${count++}.db`), "EXPLAIN QUERY PLAN");

test.run();
