import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { OPERATOR_SETTINGS } from "../../../operator/settings.ts";
import { readSettings, SettingProblem } from "../../../settings/settings.ts";
import { sharedVolumeOf } from "../../../settings/shared.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const volume = suite("settings of the shared volume");

/** The shared volume that the flags name, or what is wrong with them. */
function read(...argv: string[]): unknown {
  try {
    return sharedVolumeOf(readSettings(OPERATOR_SETTINGS, argv, {}));
  } catch (error) {
    if (error instanceof SettingProblem) return error.message;
    throw error;
  }
}

volume("O-107, O-270: without a claim there is no shared volume, and nothing is asked of the paths", () => {
  assert.is(read(), undefined);
  assert.is(read("--volume", "/no/such/place", "--data-path", "/elsewhere"), undefined);
});

volume("O-270: jobs and runs must lie on the volume, and it must be mounted here", async () => {
  const { path, remove } = await temporaryDirectory();
  try {
    const on = ["--volume-claim", "data", "--volume", path];
    const paths = ["--fs-root", join(path, "pipelines"), "--data-path", join(path, "odin")];
    assert.equal(read(...on, ...paths), { claim: "data", path });
    assert.match(String(read(...on)), "--fs-root (ODIN_FS_ROOT) /data/pipelines: must lie below --volume");
    assert.match(String(read(...on, ...paths.slice(0, 2))), "--data-path (ODIN_DATA_PATH) /data/odin: must lie below");
    mkdirSync(join(path, "x"));
    const missing = join(path, "missing");
    const below = ["--fs-root", join(missing, "a"), "--data-path", join(missing, "b")];
    assert.match(
      String(read("--volume-claim", "data", "--volume", missing, ...below)),
      "is not a directory here; mount claim data there",
    );
    assert.match(String(read("--volume-claim", "Not A Claim")), "must be the name of a claim");
  } finally {
    await remove();
  }
});
volume.run();
