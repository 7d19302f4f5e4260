import { replyTexts } from "../reply-texts.ts";
import type { TextPart } from "../text-pieces.ts";
import type { Host } from "./hosts/host.ts";
import { KeptTexts } from "./kept-texts.ts";
import { booleanParameter, integerParameter } from "./parameters.ts";
import { TEXT_TYPE } from "./reply.ts";
import type { VestaHandler, VestaRoute } from "./route.ts";
import type { VestaSettings } from "./settings/vesta-settings.ts";
import type { StateSource } from "./states/state-source.ts";
import { detailSheet } from "./texts/detail.ts";
import { gpuTableSheet } from "./texts/gpu-table.ts";
import { latestView, rowView } from "./texts/host-view.ts";
import { inPieces } from "./texts/in-pieces.ts";
import { textPage } from "./texts/paging.ts";
import type { Sheet } from "./texts/sheet.ts";
import { tableSheet } from "./texts/table.ts";

/** What the routes of the views rest on. */
export interface RootParts extends StateSource {
  settings: Pick<VestaSettings, "textVersion" | "termWidth" | "pageSize">;
  /** What browsers get. */
  pages: { main: VestaHandler; table: VestaHandler };
}

/** GET / and /gpu_table: text for terminals, where `term` asks for it, and pages for browsers (V-38, V-41, V-44). */
export function rootRoutes(parts: RootParts): VestaRoute[] {
  const { pages, settings } = parts;
  const texts = new TerminalTexts(parts);
  const main: VestaHandler = async (ctx) => {
    const { query } = ctx;
    if (!booleanParameter(query, "term")) return await pages.main(ctx);
    const hosts = textPage(parts.hosts.list(), integerParameter(query, "page", 0), settings.pageSize);
    const text = booleanParameter(query, "detail") ? texts.detail(hosts) : texts.table(hosts);
    await replyTexts(ctx, inPieces(text), TEXT_TYPE);
  };
  const table: VestaHandler = async (ctx) => {
    if (!booleanParameter(ctx.query, "term")) return await pages.table(ctx);
    await replyTexts(ctx, inPieces(texts.gpuTable(parts.hosts.list())), TEXT_TYPE);
  };
  return [
    { path: "/", guard: "list", methods: { GET: main } },
    { path: "/gpu_table", guard: "list", methods: { GET: table } },
  ];
}

/** The texts of hosts, host by host; of one that has not changed since it was asked for last nothing is formatted again. */
class TerminalTexts {
  readonly #source: RootParts;
  readonly #kept = new KeptTexts();

  constructor(source: RootParts) {
    this.#source = source;
  }

  table(hosts: readonly Host[]): Generator<TextPart, void> {
    return this.#latest("table", hosts, tableSheet(this.#source.settings.textVersion));
  }

  detail(hosts: readonly Host[]): Generator<TextPart, void> {
    const { textVersion: version, termWidth: width } = this.#source.settings;
    return this.#latest("detail", hosts, detailSheet({ version, width }));
  }

  /** From the newest rows (V-44). */
  *gpuTable(all: readonly Host[]): Generator<TextPart, void> {
    const { hosts, formatTime, settings } = this.#source;
    const { top, ofHost } = gpuTableSheet(settings.textVersion);
    yield top;
    for (const host of all) {
      const row = hosts.newestRow(host);
      yield this.#kept.text("gpu table", host, [row?.timeMs, row?.data], () => ofHost(rowView(host, row, formatTime)));
    }
  }

  *#latest(kind: string, hosts: readonly Host[], { top, ofHost }: Sheet): Generator<TextPart, void> {
    const { formatTime } = this.#source;
    yield top;
    for (const host of hosts) yield this.#kept.text(kind, host, [], () => ofHost(latestView(host, formatTime)));
  }
}
