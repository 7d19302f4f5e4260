import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../../../local/command.ts";
import { type Bom, reproducible } from "../../../local/sbom.ts";
import { ROOT } from "../../support/documents.ts";

const sbom = suite("the bill of materials");

function sample(moment: string, serialNumber: string, turned: boolean): Bom {
  const components = [{ "bom-ref": "a@1" }, { "bom-ref": "b@2" }];
  const dependencies = [
    { ref: "odin@0", dependsOn: turned ? ["b@2", "a@1"] : ["a@1", "b@2"] },
    { ref: "a@1", dependsOn: [] },
  ];
  return {
    serialNumber,
    metadata: { timestamp: moment, tools: [{ moment }], component: { name: moment, "bom-ref": "odin@0" } },
    components: turned ? components.reverse() : components,
    dependencies: turned ? dependencies.reverse() : dependencies,
  };
}

sbom("moment, directory, tool and order make no difference; a component does", () => {
  const first = reproducible(sample("2026-01-01", "urn:uuid:1", false), "odin");
  const second = reproducible(sample("2027-01-01", "urn:uuid:2", true), "odin");
  assert.is(JSON.stringify(first), JSON.stringify(second));
  assert.match(first.serialNumber ?? "", /^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  const more = sample("2026-01-01", "urn:uuid:1", false);
  more.components.push({ "bom-ref": "c@3" });
  assert.is.not(reproducible(more, "odin").serialNumber, first.serialNumber);
});

sbom("it lists every package of the lock file that is needed to run, no other, and names no registry", async () => {
  const text = await run(process.execPath, [join(ROOT, "dist/local/sbom.js")], { env: process.env, cwd: ROOT });
  const bom: { components: { name: string; version: string }[] } = JSON.parse(text);
  const lock: { packages: Record<string, { version: string; dev?: boolean }> } = JSON.parse(
    readFileSync(join(ROOT, "package-lock.json"), "utf8"),
  );
  const wanted = Object.entries(lock.packages)
    .filter(([path, entry]) => path !== "" && entry.dev !== true)
    .map(
      ([path, { version }]) => `${path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length)}@${version}`,
    );
  // npm leaves out what it takes for a development dependency of ours, whoever else needs it; in these there is no code.
  const holdsCode = (name: string): boolean => !/^(@types\/|undici-types@)/.test(name);
  const listed = bom.components.map(({ name, version }) => `${name}@${version}`);
  assert.equal([...new Set(listed.filter(holdsCode))].sort(), [...new Set(wanted.filter(holdsCode))].sort());
  assert.not.match(text, /registry|https?:\/\/(?!cyclonedx\.org)/);
});

sbom.run();
