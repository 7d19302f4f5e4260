import { execFileSync } from "node:child_process";
import { mkdir, realpath, rename, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { contentHash } from "../../../../operator/cache/content-hash.ts";
import { Hasher } from "../../../../operator/cache/hasher.ts";
import { temporaryDirectory } from "../../../support/temporary-directory.ts";

const hashing = suite("content of inputs and outputs");

async function onVolume(look: (volume: string, outside: string) => Promise<void>): Promise<void> {
  const { path, remove } = await temporaryDirectory();
  try {
    const real = await realpath(path);
    const volume = join(real, "volume");
    await mkdir(volume);
    await look(volume, real);
  } finally {
    await remove();
  }
}

const refusal = (path: string, volume: string): Promise<string> =>
  contentHash(path, volume).then(
    (hash) => `hashed: ${hash}`,
    (error: unknown) => String(error),
  );

hashing("O-200: the hash of a directory changes with names, contents and depth, and with nothing else", () =>
  onVolume(async (volume) => {
    const seen = new Set<string>();
    const now = (): Promise<string> => contentHash(join(volume, "in"), volume);
    await mkdir(join(volume, "in/sub"), { recursive: true });
    seen.add(await now());
    await writeFile(join(volume, "in/a"), "x");
    const one = await now();
    seen.add(one);
    await writeFile(join(volume, "in/a"), "y");
    seen.add(await now());
    await rename(join(volume, "in/a"), join(volume, "in/sub/a"));
    seen.add(await now());
    await rename(join(volume, "in/sub/a"), join(volume, "in/b"));
    seen.add(await now());
    assert.is(seen.size, 5);
    await rename(join(volume, "in/b"), join(volume, "in/a"));
    await writeFile(join(volume, "in/a"), "x");
    assert.is(await now(), one);
  }),
);

hashing("names and contents cannot be traded for each other", () =>
  onVolume(async (volume) => {
    await mkdir(join(volume, "one"));
    await mkdir(join(volume, "two"));
    await writeFile(join(volume, "one/a"), "b");
    await writeFile(join(volume, "two/ab"), "");
    assert.is.not(await contentHash(join(volume, "one"), volume), await contentHash(join(volume, "two"), volume));
    await writeFile(join(volume, "file"), "directory\0");
    await mkdir(join(volume, "empty"));
    assert.is.not(await contentHash(join(volume, "file"), volume), await contentHash(join(volume, "empty"), volume));
  }),
);

hashing("O-202: what is missing, leaves the volume, goes in circles or is no file cannot be hashed", () =>
  onVolume(async (volume, outside) => {
    await writeFile(join(outside, "secret"), "x");
    await mkdir(join(volume, "in"));
    assert.match(await refusal(join(volume, "nothing"), volume), "ENOENT");
    assert.match(await refusal(join(volume, "../secret"), volume), "does not lie on the volume");
    assert.match(await refusal(volume, volume), "does not lie on the volume");
    await symlink(join(outside, "secret"), join(volume, "in/out"));
    assert.match(await refusal(join(volume, "in/out"), volume), "does not lie on the volume");
    assert.match(await refusal(join(volume, "in"), volume), "does not lie on the volume");
    await mkdir(join(volume, "loop"));
    await symlink("../loop", join(volume, "loop/again"));
    assert.match(await refusal(join(volume, "loop"), volume), "holds a link to a directory that it lies in");
    execFileSync("mkfifo", [join(volume, "pipe")]);
    assert.match(await refusal(join(volume, "pipe"), volume), "neither a file nor a directory");
  }),
);

hashing("links that stay on the volume count as what they point to", () =>
  onVolume(async (volume) => {
    await mkdir(join(volume, "in"));
    await writeFile(join(volume, "blob"), "x");
    await symlink("../blob", join(volume, "in/a"));
    const before = await contentHash(join(volume, "in"), volume);
    await writeFile(join(volume, "blob"), "y");
    assert.is.not(await contentHash(join(volume, "in"), volume), before);
  }),
);

hashing("O-202: hashing blocks nothing else and needs little memory, and stops when it is told to", () =>
  onVolume(async (volume) => {
    await writeFile(join(volume, "large"), "");
    await truncate(join(volume, "large"), 2 * 1024 ** 3);
    await writeFile(join(volume, "small"), "x");
    const hasher = new Hasher(volume);
    const memory = process.memoryUsage().rss;
    const large = hasher.hash(join(volume, "large")).then(
      () => "hashed",
      (error: unknown) => String(error),
    );
    assert.is(await hasher.hash(join(volume, "small")), await contentHash(join(volume, "small"), volume));
    assert.match(await hasher.hash(join(volume, "nothing")).catch((error: unknown) => String(error)), "ENOENT");
    await hasher.stop();
    // On a quick machine it may have been done before.
    assert.match(await large, /stopped|hashed/);
    assert.ok(process.memoryUsage().rss - memory < 512 * 1024 ** 2);
    assert.match(await hasher.hash(join(volume, "small")).catch((error: unknown) => String(error)), "stopped");
  }),
);
hashing.run();
