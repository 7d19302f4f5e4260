import { suite } from "uvu";
import { mlbenchPodsCases } from "./mlbench-pods-cases.ts";
import { embeddedStores } from "./store-cases.ts";

const test = suite("pods of MLBench");
const stores = embeddedStores(test);
let count = 0;

mlbenchPodsCases(test, async () => stores.open(`store-${count++}.db`));

test.run();
