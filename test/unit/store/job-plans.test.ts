import { suite } from "uvu";
import { sqlitePlan } from "../../support/job-plan.ts";
import { jobPlanCases } from "./job-plan-cases.ts";
import { embeddedStores } from "./store-cases.ts";

const test = suite("plans for jobs");
const stores = embeddedStores(test);

// Nothing that SQLite could have found out about the table: nobody tells it to.
jobPlanCases(
  test,
  async () => stores.open("store.db"),
  sqlitePlan,
  async () => {},
);

test.run();
