import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { removeDirectory } from "../../../../api/storage/remove-directory.ts";
import { ROOT } from "../../../support/documents.ts";
import { temporaryDirectory } from "../../../support/temporary-directory.ts";

const removing = suite("removing directories");

/** A data path with a run in it, beside something that must stay. */
async function withRun(look: (at: { data: string; precious: string }) => Promise<void>): Promise<void> {
  const { path, remove } = await temporaryDirectory();
  try {
    const data = join(path, "data");
    const precious = join(path, "precious");
    await mkdir(join(data, "run/task"), { recursive: true });
    await mkdir(precious);
    await writeFile(join(precious, "file"), "x");
    await writeFile(join(data, "run/task/out"), "x");
    await look({ data, precious });
    assert.ok(existsSync(join(precious, "file")), "what lies outside is untouched");
  } finally {
    await remove();
  }
}

async function refusal(parent: string, name: string): Promise<string> {
  try {
    await removeDirectory(parent, name);
    return "removed";
  } catch (error) {
    return String(error);
  }
}

removing("O-211: a run's directory goes with all it holds, and one that is not there is success", () =>
  withRun(async ({ data }) => {
    await removeDirectory(data, "run");
    assert.equal(await readdir(data), []);
    await removeDirectory(data, "run");
    await removeDirectory(join(data, "never/was"), "run");
  }),
);

removing("O-12: only what lies strictly inside can go", () =>
  withRun(async ({ data }) => {
    for (const name of ["", ".", "..", "../precious", "run/task", "/", "run\0"])
      assert.match(await refusal(data, name), "is not the name of a directory inside", JSON.stringify(name));
    assert.match(await refusal("/", "odin-no-such-directory"), "lies in the root of the file system");
    assert.ok(existsSync(join(data, "run/task/out")));
  }),
);

removing("O-12: links are removed and not followed, at the top and below", () =>
  withRun(async ({ data, precious }) => {
    await symlink(precious, join(data, "link"));
    await removeDirectory(data, "link");
    assert.not.ok(existsSync(join(data, "link")));
    await symlink(precious, join(data, "run/task/inner"));
    await symlink("/nowhere", join(data, "run/dangling"));
    await removeDirectory(data, "run");
    assert.equal(await readdir(data), []);
  }),
);

removing("O-12: the command refuses every place but that of the pod's mounts, before it removes anything", async () => {
  const run = promisify(execFile);
  for (const path of ["/tmp/x", "/removal/0", "/removal/0/..", "/removal/0/a/b", "/removal/x/a", "removal/0/a", "/"]) {
    const args = [join(ROOT, "dist/cli/odin.js"), "remove-directory", "/removal/0/fine", path];
    const outcome = await run(process.execPath, args).catch((error: { code: number; stderr: string }) => error);
    assert.is((outcome as { code?: number }).code, 2, path);
    assert.match((outcome as { stderr: string }).stderr, "nothing was removed");
  }
});
removing.run();
