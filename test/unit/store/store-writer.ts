/** Writes rows for ever; says the key of each, with a dot behind it, once the store has acknowledged it. */
import { EmbeddedSql } from "../../../store/embedded.ts";
import { LogArchive } from "../../../store/log-archive.ts";

const [path = "", prefix = ""] = process.argv.slice(2);
const archive = new LogArchive(new EmbeddedSql(path));
for (let n = 0; ; n++) {
  const podUid = `${prefix}-${n}`;
  const owner = { podUid, namespace: "ns", pod: podUid, runUid: prefix, run: "r", task: "t", attempt: 1 };
  const text = Buffer.alloc(20_000, podUid);
  await archive.save({ ...owner, container: "main", createdAt: "" }, { text, dropped: 0 }, "whole");
  process.stdout.write(`${podUid}.\n`);
}
