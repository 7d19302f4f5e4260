import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type AnnouncementSettings,
  announcementText,
  messageStatements,
} from "../../../../../api/vesta/messages/announcements.ts";
import { shownPlace } from "../../../../../api/vesta/messages/server-place.ts";

const test = suite("announcements of vesta");

const UP = "\u2b06\ufe0e\u2b06\ufe0e\u2b06\ufe0e";
const DOWN = "\u2b07\ufe0e\u2b07\ufe0e\u2b07\ufe0e";
const settings: AnnouncementSettings = {
  hasWebhook: true,
  serverUp: "Server has been started.\nCheck `{ip}:{port}/` (bind : `{bind_host}`)",
  uplink: `${UP} \`Uplink\` Detected - New uplink from \`{}\`. Hello!`,
  reUplink: `${UP} \`  Up  \` Detected - Uplink from \`{}\`. Welcome back!`,
  down: `${DOWN} \` Down \` Detected - Connection from \`{host_name}\` has been lost more than {lost_th} sec. Check network and machine.`,
  lostSeconds: 60,
  place: { ip: "10.1.2.3", port: "8080", bindHost: "0.0.0.0" },
};

test("V-57: each happening has its text", () => {
  const text = (kind: "uplink" | "re-uplink" | "down") => announcementText({ kind, host: "gpu-node-1" }, settings);
  assert.is(text("uplink"), `${UP} \`Uplink\` Detected - New uplink from \`gpu-node-1\`. Hello!`);
  assert.is(text("re-uplink"), `${UP} \`  Up  \` Detected - Uplink from \`gpu-node-1\`. Welcome back!`);
  assert.is(
    text("down"),
    `${DOWN} \` Down \` Detected - Connection from \`gpu-node-1\` has been lost more than 60 sec. Check network and machine.`,
  );
  assert.is(
    announcementText({ kind: "server-up" }, settings),
    "Server has been started.\nCheck `10.1.2.3:8080/` (bind : `0.0.0.0`)",
  );
});

test("V-57: an empty text means no message, and without a webhook there is none", () => {
  assert.is(announcementText({ kind: "server-up" }, { ...settings, serverUp: "" }), undefined);
  assert.equal(messageStatements({ kind: "down", host: "a" }, { ...settings, hasWebhook: false }), []);
  const [statement, ...more] = messageStatements({ kind: "down", host: "a" }, settings, () => 5);
  assert.is(more.length, 0);
  assert.match(statement?.text ?? "", /INSERT INTO vesta_message/);
  assert.is(statement?.values?.at(3), 5);
});

test("V-58: placeholders are filled in by name and by order, and unknown ones stay", () => {
  const down = (text: string): string | undefined =>
    announcementText({ kind: "down", host: "h{lost_th}" }, { ...settings, down: text, lostSeconds: 2.5 });
  assert.is(down("{} for {} {} {what} {host_name}"), "h{lost_th} for 2.5 {} {what} h{lost_th}");
  assert.is(
    announcementText({ kind: "uplink", host: "h" }, { ...settings, uplink: "{} {} {ip} {constructor} {" }),
    "h h {ip} {constructor} {",
  );
});

test("V-58: the default address stands for the server's own", () => {
  const place = { ip: "127.0.0.1", port: "80", bindHost: "::" };
  assert.equal(
    shownPlace(place, () => "192.0.2.7"),
    { ip: "192.0.2.7", port: "80", bind_host: "::" },
  );
  assert.ok(shownPlace(place).ip.length > 0);
  assert.is(shownPlace({ ...place, ip: "gpu.example.org" }).ip, "gpu.example.org");
});

test("V-57: a host's name can be no mention in Slack", () => {
  const text = announcementText({ kind: "uplink", host: "<!channel>&" }, settings);
  assert.match(text ?? "", "`&lt;!channel&gt;&amp;`");
});

test.run();
