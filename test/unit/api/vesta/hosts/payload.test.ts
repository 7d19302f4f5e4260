import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Payload } from "../../../../../api/vesta/hosts/host.ts";
import { newHostId, otherName, sanitisedName } from "../../../../../api/vesta/hosts/host-name.ts";
import { hostText } from "../../../../../api/vesta/hosts/host-text.ts";
import { MAX_PAYLOAD_BYTES, readPayload } from "../../../../../api/vesta/hosts/payload.ts";
import { randomSource } from "../../../../support/random.ts";
import { gpu } from "./hosts-stage.ts";

const test = suite("what senders post");

function read(body: unknown): ReturnType<typeof readPayload> {
  return readPayload(Buffer.from(typeof body === "string" ? body : JSON.stringify(body)));
}

function taken(body: unknown): Payload {
  const result = read(body);
  if ("message" in result) throw new Error(result.message);
  return result.payload;
}

function refusal(body: unknown): string {
  const result = read(body);
  return "message" in result ? `${result.status} ${result.message}` : "taken";
}

/** A body with one GPU, some of whose fields are written as they are. */
function withText(fields: string): string {
  return `{"gpu:0":{${fields},${JSON.stringify(gpu()).slice(1)}}`;
}

test("V-27: the fields of the contract are taken, in the order of the GPUs", () => {
  const body = { "gpu:1": gpu({ device_num: 1 }), "gpu:0": gpu() };
  assert.equal(taken(body), body);
  assert.equal(Object.keys(taken(body)), ["gpu:1", "gpu:0"]);
  assert.equal(taken({}), {});
  const { processes, ...without } = gpu();
  assert.ok(processes);
  assert.equal(taken({ "gpu:0": without }), { "gpu:0": { ...without, processes: [] } });
});

test("V-28: unknown fields are kept and numeric strings become integers", () => {
  const more = { fan: "30 %", list: [1, { a: [null, true] }], power_usage: 61.5 };
  const process = { pid: "1", name: "x", user: "y", used_memory: " 12 ", cpu: 1.5 };
  const body = { "gpu:0": { ...gpu(), temperature: "-3", total_memory: "+12066", processes: [process], ...more } };
  const expected = { ...gpu({ temperature: -3 }), processes: [{ ...process, used_memory: 12 }], ...more };
  assert.equal(taken(body), { "gpu:0": expected });
});

test("V-28, section 12, 14: no JSON, a missing field or a wrong type is refused, and the field named", () => {
  const { uuid, ...without } = gpu();
  assert.ok(uuid);
  const wrong: [unknown, string][] = [
    ["", "400 the body is not JSON"],
    ["{", "400 the body is not JSON"],
    ["\u0000", "400 the body is not JSON"],
    ["[]", "400 the body is not an object"],
    ["null", "400 the body is not an object"],
    ["7", "400 the body is not an object"],
    [{ "gpu:0": null }, "400 gpu:0 is not an object"],
    [{ "gpu:0": without }, "400 gpu:0.uuid is missing"],
    [{ "gpu:0": { ...gpu(), uuid: 7 } }, "400 gpu:0.uuid is not a string"],
    [{ "gpu:0": { ...gpu(), temperature: "[N/A]" } }, "400 gpu:0.temperature is not an integer"],
    [{ "gpu:0": { ...gpu(), temperature: 1.5 } }, "400 gpu:0.temperature is not an integer"],
    [{ "gpu:0": { ...gpu(), temperature: true } }, "400 gpu:0.temperature is not an integer"],
    [{ "gpu:0": { ...gpu(), temperature: [] } }, "400 gpu:0.temperature is not an integer"],
    [{ "gpu:0": { ...gpu(), temperature: null } }, "400 gpu:0.temperature is not an integer"],
    [{ "gpu:0": { ...gpu(), temperature: "" } }, "400 gpu:0.temperature is not an integer"],
    [{ "gpu:0": { ...gpu(), temperature: 2 ** 53 } }, "400 gpu:0.temperature is not an integer"],
    [{ "gpu:0": { ...gpu(), total_memory: -1 } }, "400 gpu:0.total_memory is below 0"],
    [{ "gpu:0": { ...gpu(), gpu_volatile: "0x10" } }, "400 gpu:0.gpu_volatile is not an integer"],
    [{ "gpu:0": { ...gpu(), processes: {} } }, "400 gpu:0.processes is not an array"],
    [{ "gpu:0": { ...gpu(), processes: null } }, "400 gpu:0.processes is not an array"],
    [{ "gpu:0": { ...gpu(), processes: [1] } }, "400 gpu:0.processes[0] is not an object"],
    [{ "gpu:0": { ...gpu(), processes: [{}] } }, "400 gpu:0.processes[0].pid is missing"],
    [{ gpu0: gpu() }, '400 "gpu0": the keys of the body are gpu:0, gpu:1 and so on'],
    [{ "gpu:x": gpu() }, '400 "gpu:x": the keys of the body are gpu:0, gpu:1 and so on'],
    [{ "gpu:\u001b[31m": gpu() }, '400 "gpu:?[31m": the keys of the body are gpu:0, gpu:1 and so on'],
    ['{"gpu:0":NaN}', "400 the body is not JSON"],
  ];
  for (const [body, message] of wrong) assert.is(refusal(body), message, JSON.stringify(body).slice(0, 80));
  assert.is(
    refusal(JSON.stringify({ "gpu:0": gpu() }).replace('"temperature":37', '"temperature":1e400')),
    "400 gpu:0.temperature is not an integer",
  );
  // Fields that objects inherit are not there.
  assert.is(refusal('{"gpu:0":{"__proto__":{"uuid":"x"}}}'), "400 gpu:0.device_num is missing");
  assert.is(refusal('{"__proto__":{}}'), '400 "__proto__": the keys of the body are gpu:0, gpu:1 and so on');
});

test("V-27: what is too much is refused: bytes, GPUs, levels", () => {
  const many = Object.fromEntries(Array.from({ length: 257 }, (_, n) => [`gpu:${n}`, gpu({ device_num: n })]));
  assert.is(refusal(many), "413 the body has more than 256 GPUs");
  const { "gpu:256": last, ...most } = many;
  assert.ok(last);
  assert.is(Object.keys(taken(most)).length, 256);
  assert.is(refusal(" ".repeat(MAX_PAYLOAD_BYTES + 1)), `413 the body is larger than ${MAX_PAYLOAD_BYTES} bytes`);
  const deep = `${"[".repeat(400_000)}${"]".repeat(400_000)}`;
  assert.is(refusal(withText(`"x":${deep}`)), "400 the body nests deeper than 16 levels");
});

test("V-15, section 12, 25: no text of a sender can carry an escape sequence, break a line or turn its direction", () => {
  const evil = "a\u0000b\u001b[31mc\u007fd\u009be\u2028f\u2029g\u202eh\u2066i\r\n";
  const good = "a?b?[31mc?d?e?f?g?h?i??";
  const process = { pid: evil, name: evil, user: evil, used_memory: 1, [evil]: evil };
  const body = {
    "gpu:0": {
      ...gpu(),
      uuid: evil,
      gpu_name: evil,
      timestamp: evil,
      processes: [process],
      [evil]: [{ [evil]: evil }],
    },
  };
  assert.equal(taken(body), {
    "gpu:0": {
      ...gpu({ uuid: good, gpu_name: good, timestamp: good }),
      processes: [{ pid: good, name: good, user: good, used_memory: 1, [good]: good }],
      [good]: [{ [good]: good }],
    },
  });
  assert.is(hostText("\u{1F600}".repeat(300)), "\u{1F600}".repeat(256));
  assert.is(hostText("\ud800x\udc00"), "\u{FFFD}x\u{FFFD}");
  assert.is(hostText("<b>&'\"`$(x)"), "<b>&'\"`$(x)");
});

test("V-15: keys that mean something to JavaScript are names like others", () => {
  const gpus = taken(withText('"__proto__":{"polluted":1},"constructor":"c","toString":2'));
  const [stored] = Object.values(JSON.parse(JSON.stringify(gpus)) as Payload);
  assert.ok(stored && Object.hasOwn(stored, "__proto__"));
  assert.equal(Object.getOwnPropertyDescriptor(stored, "__proto__")?.value, { polluted: 1 });
  assert.is(({} as Record<string, unknown>).polluted, undefined);
});

test("V-28: whatever is posted, the answer is a payload or a reason, and what is taken is taken as it is again", () => {
  const seed = Number(process.env.SEED ?? 42);
  const random = randomSource(seed);
  const good = JSON.stringify({ "gpu:0": gpu(), "gpu:7": gpu({ device_num: 7 }) });
  const pieces = [
    "null",
    "1e999",
    '"\\ud800"',
    "[]",
    "{}",
    '"gpu:0"',
    ",",
    ":",
    "}",
    "{",
    '"',
    "-0",
    "\u001b",
    "\\u001b",
  ];
  let count = 0;
  for (let round = 0; round < 3_000; round++) {
    const at = random.integer(0, good.length);
    const text = good.slice(0, at) + random.pick(pieces) + good.slice(at + random.integer(0, 3));
    const result = read(text);
    if ("message" in result) {
      assert.match(result.message, /^[^\p{Cc}]+$/u, `seed ${seed}, round ${round}`);
      continue;
    }
    count += 1;
    const stored = JSON.stringify(result.payload);
    assert.not.match(stored, /\\u00[01]|\p{Cc}/u, `seed ${seed}, round ${round}`);
    assert.equal(taken(stored), result.payload, `seed ${seed}, round ${round}`);
  }
  assert.ok(count > 10, String(count));
});

test("V-26: what a machine's name may not have becomes an underscore", () => {
  assert.is(sanitisedName("a.b,c-d@e[f]g:h;i/j k\tl\u0000m\u202en\u00a0o"), "a_b_c_d_e_f_g_h_i_j_k_l_m_n_o");
  assert.is(sanitisedName("mau_local"), "mau_local");
  assert.is(sanitisedName("x".repeat(500)).length, 128);
  assert.is([...sanitisedName("\u{1F600}".repeat(500))].length, 128);
  assert.match(otherName("mau_local"), /^mau_local_[0-9a-f]{8}$/);
});

test("V-24: ids are 128 random bits without leading zeros", () => {
  const ids = Array.from({ length: 1_000 }, newHostId);
  assert.is(new Set(ids).size, 1_000);
  for (const id of ids) assert.match(id, /^(?:0|[1-9a-f][0-9a-f]{0,31})$/);
  assert.ok(ids.some((id) => id.length < 32));
});

test.run();
