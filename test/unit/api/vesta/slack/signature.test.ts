import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isSignedBySlack } from "../../../../../api/vesta/slack/signature.ts";
import { slackSignature } from "../../../../support/slack-server.ts";

const test = suite("signature of Slack");

const NOW = 1_531_420_618;
const body = Buffer.from('{"type":"event_callback","text":"\u00e9 \ud83d\ude00"}');

function check(headers: Record<string, string>, { bytes = body, secret = "s3cret", now = NOW } = {}): boolean {
  const { "X-Slack-Request-Timestamp": timestamp = "", "X-Slack-Signature": signature = "" } = headers;
  return isSignedBySlack(bytes, { timestamp, signature }, secret, () => now * 1_000);
}

test("V-59: the signature that Slack shows in its own example is taken", () => {
  const form =
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner" +
    "&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN" +
    "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
  const signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
  assert.is(
    isSignedBySlack(
      Buffer.from(form),
      { timestamp: String(NOW), signature },
      "8f742231b10e8888abcd99yyyzzz85a5",
      () => NOW * 1_000,
    ),
    true,
  );
});

test("V-59: only the body as it was signed, with our secret, within five minutes", () => {
  const headers = slackSignature(body.toString(), NOW, "s3cret");
  assert.is(check(headers), true);
  assert.is(check(headers, { now: NOW + 300 }), true);
  assert.is(check(headers, { now: NOW - 300 }), true);
  assert.is(check(headers, { now: NOW + 301 }), false);
  assert.is(check(headers, { now: NOW - 301 }), false);
  assert.is(check(headers, { secret: "other" }), false);
  assert.is(check(headers, { bytes: Buffer.concat([body, Buffer.from(" ")]) }), false);
  assert.is(check({ ...headers, "X-Slack-Request-Timestamp": String(NOW + 1) }), false);
});

test("V-59: what is no signature is none", () => {
  const headers = slackSignature(body.toString(), NOW, "s3cret");
  const { "X-Slack-Signature": signature } = headers;
  for (const other of [
    "",
    "v0=",
    signature.slice(0, -1),
    `${signature}0`,
    signature.toUpperCase(),
    signature.replace("v0", "v1"),
  ]) {
    assert.is(check({ ...headers, "X-Slack-Signature": other }), false, other);
  }
  for (const time of ["", "-1", "1e9", " ", `${NOW}.5`, "NaN", "9".repeat(400)]) {
    assert.is(check({ ...headers, "X-Slack-Request-Timestamp": time }), false, time);
  }
  assert.is(
    check(slackSignature(body.toString(), NOW, ""), { secret: "" }),
    false,
    "without a secret nobody is believed",
  );
});

test.run();
