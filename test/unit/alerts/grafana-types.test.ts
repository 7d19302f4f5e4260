// timeout: 300
/** The dashboard held to the types that Grafana publishes for dashboards and for the kinds of panels, of the oldest and of the newest version that is meant. */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../../../local/command.ts";
import { LocalError, messageOf } from "../../../local/local-error.ts";
import { type PinnedPackage, unpackedPackage } from "../../../local/npm-package.ts";
import { ROOT } from "../../support/documents.ts";
import { skip } from "../../support/skip.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

const TIMEOUT_MS = 120_000;
const RELEASES: readonly PinnedPackage[] = [
  {
    name: "@grafana/schema",
    version: "10.4.19",
    integrity: "sha512-4kH+Ryiy529fBDZe97qnGrtpmESYaNX8/ef8WsvsUbP1ZheopUkd18r/+VTc18tX7ujOpuThXCdOBDsptj3qJw==",
  },
  {
    name: "@grafana/schema",
    version: "13.2.3",
    integrity: "sha512-rk8FEO7yuFfRTK/JD39747SZFQ+iCTQbpm6Mh2OjnqGx/g/uQQFx56t64eCLXWEyoR68ru4cigcGKrXk+ozrLg==",
  },
];

/**
 * What the words of a JSON text can be: the types name them by enumerations, which no text has. Of a panel's options any may be missing, for
 * Grafana has a default for each.
 */
const TYPES = `
import type { Dashboard, FieldConfig, GraphFieldConfig, Panel } from "@grafana/schema";
import type { Options as StatOptions } from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type { Options as TimeseriesOptions } from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";
type NumberOf<E extends number> = \`\${E}\` extends \`\${infer N extends number}\` ? N : E;
type Plain<T> = T extends string ? \`\${T}\`
  : T extends number ? NumberOf<T>
  : T extends boolean | null | undefined ? T
  : T extends readonly (infer I)[] ? Plain<I>[]
  : T extends object ? { [K in keyof T]: Plain<T[K]> }
  : T;
type Shown<Kind, Options, Custom> = Omit<Plain<Panel>, "type" | "options" | "fieldConfig"> & {
  type: Kind;
  options: Plain<Partial<Options>>;
  fieldConfig: { defaults: Omit<Plain<FieldConfig>, "custom"> & { custom: Plain<Partial<Custom>> }; overrides: [] };
};
type Kinds = { stat: Shown<"stat", StatOptions, object>; timeseries: Shown<"timeseries", TimeseriesOptions, GraphFieldConfig> };
`;
const CONFIGURATION = {
  compilerOptions: {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    module: "preserve",
    moduleResolution: "bundler",
    types: [],
  },
  files: ["check.ts"],
};

interface Shown {
  type: string;
  title: string;
  options?: Record<string, unknown>;
  fieldConfig?: { defaults: { custom: Record<string, unknown> } };
}

const types = suite("the dashboard as Grafana types it");
const text = await readFile(join(ROOT, "helm/odin/dashboards/odin.json"), "utf8");
let place: TemporaryDirectory;
types.before(async () => {
  place = await temporaryDirectory();
});
types.after(async () => {
  await place?.remove();
});

/** The directory with that release; where it cannot be had, the reason is given instead. */
async function released(release: PinnedPackage): Promise<string | { cannot: string }> {
  const directory = join(place.path, release.version);
  try {
    const unpacked = await unpackedPackage(release, directory, { timeoutMs: TIMEOUT_MS });
    await mkdir(join(directory, "node_modules/@grafana"), { recursive: true });
    await rename(unpacked, join(directory, "node_modules/@grafana/schema"));
    await writeFile(join(directory, "package.json"), '{"type":"module"}');
    await writeFile(join(directory, "tsconfig.json"), JSON.stringify(CONFIGURATION));
    return directory;
  } catch (error) {
    if (error instanceof LocalError && !/is not what it was/.test(error.message)) return { cannot: messageOf(error) };
    throw error;
  }
}

/** What the compiler has to say of a dashboard. */
async function complaints(directory: string, dashboard: { panels: Shown[] }): Promise<string> {
  const panels = dashboard.panels
    .filter(({ type }) => type !== "row")
    .map((panel, index) => `export const panel${index}: Kinds["${panel.type}"] = ${JSON.stringify(panel)};\n`);
  const whole = `export const dashboard: Plain<Dashboard> = ${JSON.stringify(dashboard)};\n`;
  await writeFile(join(directory, "check.ts"), TYPES + whole + panels.join(""));
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  return await run(process.execPath, [compiler, "--project", directory], { timeoutMs: TIMEOUT_MS }).catch(messageOf);
}

for (const release of RELEASES) {
  const title = `${release.name} ${release.version} knows all of it`;
  types(title, async () => {
    const directory = await released(release);
    if (typeof directory !== "string") return skip(title, directory.cannot);
    assert.is(await complaints(directory, JSON.parse(text)), "");

    const wrong = JSON.parse(text) as { panels: Shown[] };
    const stat = wrong.panels.find(({ type }) => type === "stat");
    const lines = wrong.panels.find(({ type }) => type === "timeseries");
    assert.ok(stat?.options !== undefined && lines?.fieldConfig !== undefined);
    stat.options.colorMode = "loud";
    lines.fieldConfig.defaults.custom.lineWideness = 1;
    const said = await complaints(directory, wrong);
    assert.match(said, /loud/);
    assert.match(said, /lineWideness/);
  });
}

types.run();
