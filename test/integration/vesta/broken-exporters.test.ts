// timeout: 600
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../../support/deadline.ts";
import { type Behaviour, type Exporter, silence, trickle } from "../../support/exporter.ts";
import { gpu, line, memory } from "../../support/gpu-text.ts";
import { PartsStage, type ShownHost } from "./parts-stage.ts";

const test = suite("broken exporters");
/** Longer than two scrapes with their pauses, so that a slow machine takes nobody for lost. */
const DOWN_TH = 12;
/** An exporter that failed several times is asked again after two minutes at the latest. */
const RECOVERY_MS = 240_000;

/** What can become of an exporter that was well. */
const TROUBLES: Readonly<Record<string, Behaviour | "gone">> = {
  hung: silence,
  rubbish: "\u0000\u001b[2J <html> DCGM_FI_DEV_FB_USED{{{ \n".repeat(50),
  gone: "gone",
  trickling: trickle(50),
  redirecting: (_request, response) => void response.writeHead(302, { location: "/other" }).end(),
  failing: (_request, response) => void response.writeHead(500).end("no"),
};

let stage: PartsStage;
let good = "";
/** The nodes that become broken, and their exporters. */
const broken = new Map<string, { node: string; host: string; exporter: Exporter }>();
let never = "";

/** One GPU whose figures move with every scrape, as a text of an exporter. */
function moving(): Behaviour {
  let scrapes = 0;
  return (_request, response) => {
    scrapes++;
    response.end(memory(gpu(0), 1000 + scrapes, 50_000) + line("DEV_GPU_UTIL", gpu(0), scrapes % 100));
  };
}

function usedOf(host: ShownHost | undefined): number {
  return Number(host?.data.at(-1)?.gpu_data["gpu:0"]?.used_memory ?? 0);
}

/** The lines of the table that are about a host. */
function linesOf(table: string, host: string): string[] {
  const lines = table.split("\n");
  const shown = host.length > 18 ? host.slice(0, 17) : host;
  const at = lines.findIndex((text) => text.startsWith(`|${shown}`) || text.startsWith(`|   ${host.slice(0, 20)}`));
  return at < 0 ? [] : lines.slice(Math.max(0, at - 1), at + 1);
}

async function oneMessageEach(what: RegExp, nodes: Iterable<string>): Promise<void> {
  for (const node of nodes) {
    const found = await until(() => stage.messages(node), 60_000, {
      describe: `${node}: a message ${what}`,
      accept: (texts) => texts.some((text) => what.test(text)),
    });
    assert.is(found.filter((text) => what.test(text)).length, 1, `${node}: ${found.join("\n")}`);
  }
}

test.before(async () => {
  stage = await PartsStage.open({ VESTA_DOWN_TH: String(DOWN_TH) });
});
test.after(() => stage.close());

test("V-12, V-57: every exporter that is read is a running host; one that never answered waits, without a message of its own", async () => {
  [good] = await stage.node("good", "127.0.30.1", moving());
  for (const [index, kind] of Object.keys(TROUBLES).entries()) {
    const host = `127.0.30.${index + 2}`;
    const [node, exporter] = await stage.node(kind, host, moving());
    broken.set(kind, { node, host, exporter });
  }
  [never] = await stage.node("never", "127.0.30.99", silence);
  const nodes = [good, ...[...broken.values()].map(({ node }) => node)];
  const hosts = await stage.untilStates(
    "all run, and the last one is there",
    (found) => nodes.every((node) => usedOf(found[node]) > 1000) && found[never] !== undefined,
  );
  for (const node of nodes) assert.is(hosts[node]?.status, "running", node);
  assert.is(hosts[never]?.status, "waiting for re-uplink");
  assert.equal(hosts[never]?.data, [{ gpu_data: {}, timestamp: "no entry received." }]);
  await oneMessageEach(/`Uplink` Detected/, nodes);
  assert.equal(await stage.messages(never), []);
});

test("V-39: until they count as down, the broken ones show what they said last, and the others what they say now", async () => {
  const before = await stage.states();
  for (const [kind, { exporter }] of broken) {
    const trouble = TROUBLES[kind] ?? silence;
    if (trouble === "gone") await exporter.stop();
    else exporter.behaviour = trouble;
  }
  const after = await stage.untilStates(
    "the good one moves on while nobody is down yet",
    (found) => usedOf(found[good]) >= usedOf(before[good]) + 3,
  );
  for (const { node } of broken.values()) {
    const { status } = after[node] ?? { status: "missing" };
    // On a slow machine somebody may be over the limit already; he then has no figures.
    if (status === "running") assert.ok(usedOf(after[node]) >= usedOf(before[node]), node);
    else assert.is(status, "down", node);
  }
});

test("V-32, V-38, V-46, V-56: hung, gone, rubbish, a trickle, a redirect, 500: marked in JSON, text and page; the good one is as fresh as before", async () => {
  const nodes = [...broken.values()].map(({ node }) => node);
  const hosts = await stage.untilStates("all six are down", (found) =>
    nodes.every((node) => found[node]?.status === "down"),
  );
  for (const node of nodes) {
    const shown = hosts[node];
    assert.is(shown?.data.length, 1, node);
    assert.equal(shown?.data[0]?.gpu_data, {}, node);
    assert.match(shown?.data[0]?.timestamp ?? "", /^\d\d\/\d\d\/\d{4} \d\d:\d\d:\d\d$/, node);
  }
  assert.is(hosts[good]?.status, "running");
  assert.is(hosts[never]?.status, "waiting for re-uplink");
  const table = await stage.text("/?term=true");
  const page = await stage.text("/?page=1");
  for (const node of nodes) {
    const [status, who] = linesOf(table, node);
    assert.match(status ?? "", /^\| status: down +\|$/, table);
    assert.match(who ?? "", /last update: \d\d\/\d\d\/\d{4}/, table);
    const block = JSON.parse(await stage.text(`/?fetch_element=true&element=${node}`)) as {
      element: string;
      found: boolean;
    };
    assert.is(block.found, true);
    assert.match(block.element, /bad_status/);
    assert.match(block.element, /### down ###/);
  }
  assert.match(page, /bad_status/);
  const used = usedOf(hosts[good]);
  await stage.untilStates("the good one is read on", (found) => usedOf(found[good]) > used + 2);
  assert.match(linesOf(await stage.text("/?term=true"), good).at(-1) ?? "", / %\|/);
  await oneMessageEach(/` Down ` Detected/, nodes);
  for (const node of [good, never])
    assert.equal(
      (await stage.messages(node)).filter((text) => text.includes("Down")),
      [],
    );
});

test("V-29, G-34: they come back by themselves or in a new pod, each with one message, and nothing is said twice", async () => {
  for (const [kind, { node, host, exporter }] of broken) {
    if (kind === "gone") {
      // What a DaemonSet does: another pod, at another port.
      const again = await stage.exporter(host, moving());
      await stage.world.deletePod(`exporter-${kind}`);
      await stage.world.createExporter(`exporter-${kind}-2`, { node, ip: host, port: again.port });
    } else exporter.behaviour = moving();
  }
  const nodes = [...broken.values()].map(({ node }) => node);
  await stage.untilStates(
    "all run again",
    (found) => nodes.every((node) => found[node]?.status === "running" && usedOf(found[node]) > 1000),
    RECOVERY_MS,
  );
  await oneMessageEach(/` {2}Up {2}` Detected/, nodes);
  for (const node of nodes) {
    const texts = await stage.messages(node);
    assert.equal(
      texts.map((text) => /`([^`]+)` Detected/.exec(text)?.[1]?.trim()),
      ["Uplink", "Down", "Up"],
    );
  }
  assert.is((await stage.messages(good)).length, 1);
});

test("V-8: a node that leaves the cluster leaves JSON, text and page at once, without a message", async () => {
  const { node } = broken.get("hung") ?? { node: "" };
  const said = (await stage.messages(node)).length;
  await stage.world.deleteNode(node);
  await stage.untilStates("it is gone", (found) => found[node] === undefined);
  assert.equal(linesOf(await stage.text("/?term=true"), node), []);
  assert.is((await stage.get(`/states/${node}/`)).status, 404);
  assert.is((await stage.messages(node)).length, said);
});

test.run();
