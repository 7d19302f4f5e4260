/** What a credential costs, counted in the calls into Node's cryptography: a clock would tell of the machine. */
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const cost = { compared: 0, hashes: 0, hashedBytes: 0 };
const { timingSafeEqual, createHash } = crypto;
crypto.timingSafeEqual = (...args) => {
  cost.compared += 1;
  return timingSafeEqual(...args);
};
crypto.createHash = (...args) => {
  cost.hashes += 1;
  const hash = createHash(...args);
  const update = hash.update.bind(hash) as (data: crypto.BinaryLike) => crypto.Hash;
  hash.update = (data: crypto.BinaryLike) => {
    cost.hashedBytes += data.toString().length;
    return update(data);
  };
  return hash;
};
syncBuiltinESMExports();

// Only now, so that it sees these.
const { Accounts } = await import("../../../../api/clockwork/accounts.ts");
const { Credentials, sha256 } = await import("../../../../api/clockwork/credentials.ts");
const { basic, clockworkUser, keyOf } = await import("./served-clockwork.ts");

const test = suite("cost of clockwork credentials");

const keysOf = (...names: string[]) => names.map((name) => ({ id: name, sha256: sha256(keyOf(name)), created: 1 }));
// Names of one length, for what is hashed is told from them, and not from who they are.
const users = new Map(
  [
    clockworkUser("solo"),
    clockworkUser("many", { keys: keysOf("many", "second", "third", "fourth") }),
    clockworkUser("void", { keys: [] }),
    clockworkUser("shut", { enabled: false }),
  ].map((user) => [user.username, user]),
);
const log = { debug() {}, info() {}, warn() {}, error() {} };
const accounts = new Accounts({ find: (name) => users.get(name), list: () => users.values() }, log);
const credentials = new Credentials(accounts, { verify: () => undefined });

/** What one check costs, and whether the credential was good. */
function costOf(email: string, key: string, peer: string): { good: boolean; cost: typeof cost } {
  Object.assign(cost, { compared: 0, hashes: 0, hashedBytes: 0 });
  let good = true;
  try {
    credentials.check(basic(email, key).authorization, peer);
  } catch {
    good = false;
  }
  return { good, cost: { ...cost } };
}

test("C-12: a credential costs the same for known and unknown users, with keys and without, right or wrong", () => {
  const wrong = sha256("a guess");
  const tried: [email: string, key: string, good: boolean][] = [
    ["solo", wrong, false],
    ["none", wrong, false],
    ["many", wrong, false],
    ["void", wrong, false],
    ["shut", keyOf("shut"), false],
    ["shut", wrong, false],
    ["solo", keyOf("second"), false],
    ["solo", keyOf("solo"), true],
    ["many", keyOf("many"), true],
    ["many", keyOf("fourth"), true],
  ];
  const costs = new Map<boolean, typeof cost>();
  for (const [email, key, good] of tried) {
    const told = costOf(email, key, "peer");
    assert.is(told.good, good, `${email} ${key}`);
    assert.is(told.cost.compared, 4, email);
    // A failure is counted as well, which takes something more.
    const others = costs.get(good) ?? told.cost;
    costs.set(good, others);
    assert.equal(told.cost, others, email);
  }
  assert.ok((costs.get(true)?.hashes ?? 0) > 0);
});

test("C-12: and when users have come and gone, as many comparisons as the one with most keys needs", () => {
  users.delete("many");
  accounts.changed();
  for (const email of ["solo", "none", "void"]) assert.is(costOf(email, sha256("x"), "other").cost.compared, 1, email);
  users.clear();
  accounts.changed();
  assert.is(costOf("none", sha256("x"), "third").cost.compared, 1);
});

test.run();
