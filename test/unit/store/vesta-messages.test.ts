import { suite } from "uvu";
import { embeddedStores } from "./store-cases.ts";
import { vestaMessagesCases } from "./vesta-messages-cases.ts";

const test = suite("queue of messages to Slack");
const stores = embeddedStores(test);
let count = 0;

vestaMessagesCases(test, async () => stores.open(`store-${count++}.db`));

test.run();
