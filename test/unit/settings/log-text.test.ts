import { suite } from "uvu";
import * as assert from "uvu/assert";
import { textLine } from "../../../settings/log-text.ts";

const text = suite("log lines for people");

text("time, level, message, then the fields; texts with spaces are quoted", () => {
  const line = textLine(
    JSON.stringify({
      level: "warn",
      time: "2026-01-02T03:04:05.678Z",
      pid: 1,
      hostname: "h",
      name: "operator",
      run: "sst2-1",
      attempt: 2,
      cause: "no node has room",
      msg: "task waits",
    }),
  );
  assert.is(line, '03:04:05.678 WARN  task waits               run=sst2-1 attempt=2 cause="no node has room"\n');
});

text("nothing that somebody has written ends the line, drives a terminal or turns its direction", () => {
  const line = textLine(
    JSON.stringify({
      level: "info",
      msg: "a\nb\u001b[31m",
      cause: "x\r\ny\u009b\u202e\u0000",
      "k\u001b": { deep: "\u001b[2J" },
    }),
  );
  assert.is(line.split("\n").length, 2);
  assert.not.match(line.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u202e]/);
});

text("what is no JSON stays as it is", () => {
  assert.is(textLine("not json\n"), "not json\n");
});
text.run();
