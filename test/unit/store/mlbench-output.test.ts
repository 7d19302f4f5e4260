// timeout: 300
import { suite } from "uvu";
import { mlbenchOutputCases } from "./mlbench-output-cases.ts";
import { embeddedStores } from "./store-cases.ts";

const test = suite("output of MLBench's runs");
const stores = embeddedStores(test);

mlbenchOutputCases(test, async () => stores.open("store.db"));

test.run();
