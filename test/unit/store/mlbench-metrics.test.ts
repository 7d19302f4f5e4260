import { suite } from "uvu";
import { mlbenchMetricsCases } from "./mlbench-metrics-cases.ts";
import { embeddedStores } from "./store-cases.ts";

const test = suite("metrics in the embedded store");
const stores = embeddedStores(test);
let count = 0;

mlbenchMetricsCases(test, async () => stores.open(`store-${count++}.db`));

test.run();
