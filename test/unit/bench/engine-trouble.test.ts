import { suite } from "uvu";
import * as assert from "uvu/assert";
import { recoverySeconds } from "../../bench/engine/trouble.ts";

const recovery = suite("how long a recovery took");

recovery("P-6: what a killed operator had sent before its death does not count", () => {
  const log = { podCreationsUs: [1e6, 10.1e6, 14e6, 15e6], listsUs: [0, 12e6] };
  assert.is(recoverySeconds("operator killed", log, 10e6), 4);
  assert.is(recoverySeconds("operator killed, another takes over", log, 10e6), 4);
});

recovery("after a kill of the API server the first pod counts, for the operator is the same", () => {
  assert.is(recoverySeconds("API server killed", { podCreationsUs: [1e6, 13e6], listsUs: [12e6] }, 10e6), 3);
});

recovery("none where nothing was created, or nobody came after the one that was killed", () => {
  assert.is(recoverySeconds("operator killed", { podCreationsUs: [1e6], listsUs: [12e6] }, 10e6), undefined);
  assert.is(recoverySeconds("operator killed", { podCreationsUs: [11e6], listsUs: [] }, 10e6), undefined);
});

recovery.run();
