import { suite } from "uvu";
import { jobRecordCases } from "./job-records-cases.ts";
import { embeddedStores } from "./store-cases.ts";

const test = suite("records of jobs");
const stores = embeddedStores(test);

jobRecordCases(test, async () => stores.open("store.db"));

test.run();
