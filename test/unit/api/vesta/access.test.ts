import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseNetworks } from "../../../../api/networks.ts";
import { parseAllowList } from "../../../../api/vesta/allow-list.ts";
import { replyJson } from "../../../../api/vesta/reply.ts";
import { requireToken } from "../../../../api/vesta/token.ts";
import { send } from "../served.ts";
import { serveVesta } from "./served-vesta.ts";

const test = suite("vesta: who may");
const admitted = (list: string, addresses: string[]): string[] => {
  const { admits } = parseAllowList(list);
  return addresses.filter((address) => admits(address));
};

test("V-21, section 12, 12: addresses are matched as addresses", () => {
  const given = ["127.0.0.1", "::1", "127.0.0.10", "127.0.0.11", "::ffff:127.0.0.1", "10.127.0.0.1", ""];
  assert.equal(admitted("127.0.0.1", given), ["127.0.0.1", "::1", "::ffff:127.0.0.1"]);
  assert.equal(admitted("::1", given), ["::1"]);
  assert.equal(admitted("", given), []);
});

test("V-21: ranges, of both kinds of addresses, in lists with commas and blanks", () => {
  const given = ["10.1.2.3", "::ffff:10.1.2.3", "11.0.0.1", "192.168.7.9", "192.168.8.1", "fd00::9", "fe80::1"];
  assert.equal(admitted("10.0.0.0/8, 192.168.7.0/24  fd00::/8", given), [
    "10.1.2.3",
    "::ffff:10.1.2.3",
    "192.168.7.9",
    "fd00::9",
  ]);
  assert.equal(admitted("0.0.0.0/0 ::/0", given), given);
  assert.equal(admitted("127.0.0.1/32", ["127.0.0.1", "::1"]), ["127.0.0.1"]);
});

test("V-21: everything else is a regular expression that is searched in the address", () => {
  const given = ["10.1.2.3", "110.1.2.3", "10.20.2.3", "192.168.7.9", "fd00::9"];
  assert.equal(admitted("10.1.", given), ["10.1.2.3", "110.1.2.3"]);
  assert.equal(admitted("^10\\.1\\. 192.168", given), ["10.1.2.3", "192.168.7.9"]);
  assert.equal(admitted(".*", given), given);
  assert.equal(admitted("localhost", ["127.0.0.1", "localhost"]), [], "what is no address is nobody");
});

test("V-21: a slip does not become a pattern", () => {
  for (const list of ["10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "*", "(", "[1"])
    assert.throws(() => parseAllowList(list), JSON.stringify(list), list);
});

/** What a request with that query and header is answered, by a server whose allow-list is `allow`. */
async function status(
  token: string,
  query: string,
  allow = "127.0.0.1",
  headers: Record<string, string> = {},
): Promise<number> {
  const parts = { token, validNetwork: parseAllowList(allow), trustedProxies: parseNetworks([]) };
  const { listener, port } = await serveVesta([
    {
      ...{ path: "/register", guard: "none" },
      methods: {
        GET: (ctx) => {
          requireToken(ctx, parts);
          replyJson(ctx, "in");
        },
      },
    },
  ]);
  try {
    const answer = await send(port, "GET", `/register/${query}`, { headers });
    if (answer.status === 403) assert.equal(answer.json, { status: "ERROR", status_code: 403, message: "forbidden" });
    return answer.status;
  } finally {
    await listener.close(0);
  }
}

test("V-22: the token is compared as text", async () => {
  assert.is(await status("secret", "?token=secret", "10.0.0.1"), 200);
  for (const query of ["", "?token=", "?token=Secret", "?token=secret%20", "?tokens=secret", "?token=x&token=secret"])
    assert.is(await status("secret", query), 403, query);
  assert.is(await status("0", "?token=00"), 403);
  assert.is(await status("sécret%", "?token=s%C3%A9cret%25"), 200);
});

test("V-22: an empty one is no check", async () => {
  assert.is(await status("", "", "10.0.0.1"), 200);
  assert.is(await status("", "?token=x", "10.0.0.1"), 200);
});

test("V-22, section 12, 13: the one that everybody knows counts from the allow-list alone, and not from pages of other sites", async () => {
  assert.is(await status("0000", "?token=0000"), 200);
  assert.is(await status("0000", "?token=0"), 403);
  assert.is(await status("0000", "?token=0000", "10.0.0.1"), 403);
  assert.is(await status("0000", "?token=0000", "127.0.0.1", { origin: "http://elsewhere.example" }), 403);
  assert.is(await status("0000", "?token=0000", "127.0.0.1", { "sec-fetch-site": "cross-site" }), 403);
  assert.is(await status("secret", "?token=secret", "127.0.0.1", { origin: "http://elsewhere.example" }), 200);
});

test.run();
