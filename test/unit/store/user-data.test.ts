// timeout: 300
import { suite } from "uvu";
import { embeddedStores } from "./store-cases.ts";
import { userDataCases } from "./user-data-cases.ts";

const test = suite("users' data");
const stores = embeddedStores(test);

// Each has a process of its own.
userDataCases(test, async () => stores.open("store.db"));

test.run();
