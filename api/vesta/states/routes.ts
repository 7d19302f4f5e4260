import { replyTexts } from "../../reply-texts.ts";
import { param } from "../../route.ts";
import type { Host } from "../hosts/host.ts";
import { KeptTexts } from "../kept-texts.ts";
import { booleanParameter, integerParameter, textParameter } from "../parameters.ts";
import { CSV_TYPE, JSON_TYPE, replyText } from "../reply.ts";
import type { VestaHandler, VestaRoute } from "../route.ts";
import type { VestaSettings } from "../settings/vesta-settings.ts";
import { detailSheet } from "../texts/detail.ts";
import { rowView } from "../texts/host-view.ts";
import { inPieces } from "../texts/in-pieces.ts";
import { sheetText } from "../texts/sheet.ts";
import { notFound } from "../vesta-error.ts";
import { type KnownHosts, type StateSource, wantedRows } from "./state-source.ts";
import { statesCsv } from "./states-csv.ts";
import { newestStates, statesJson } from "./states-json.ts";

/** What the routes of states rest on. */
export interface StateParts extends StateSource {
  settings: Pick<VestaSettings, "textVersion" | "termWidth">;
  /** DELETE of a host. */
  forget: VestaHandler;
}

/** GET /states/ and /states/<host>/ (V-30 to V-33, V-43). */
export function stateRoutes(parts: StateParts): VestaRoute[] {
  const kept = new KeptTexts();
  const all: VestaHandler = async (ctx) => {
    const rows = wantedRows(integerParameter(ctx.query, "fetch_num", 1));
    const hosts = parts.hosts.list();
    if (rows === 1) return await replyTexts(ctx, inPieces(newestStates(parts, hosts, kept)), JSON_TYPE);
    await replyTexts(ctx, statesJson(parts, { hosts, rows, ofBad: false }), JSON_TYPE);
  };
  const one: VestaHandler = async (ctx) => {
    const { query } = ctx;
    const host = knownHost(parts.hosts, param(ctx, "host"));
    if (booleanParameter(query, "term")) return replyText(ctx, hostDetail(parts, host));
    const rows = wantedRows(integerParameter(query, "fetch_num", 1));
    if (textParameter(query, "format") === "csv") return await replyTexts(ctx, statesCsv(parts, host, rows), CSV_TYPE);
    await replyTexts(ctx, statesJson(parts, { hosts: [host], rows, ofBad: true }), JSON_TYPE);
  };
  return [
    { path: "/states", guard: "list", methods: { GET: all } },
    { path: "/states/:host", guard: "list", methods: { GET: one, DELETE: parts.forget } },
  ];
}

/** The host of that name; throws the 404 of V-20. */
function knownHost(hosts: KnownHosts, name: string): Host {
  const host = hosts.find(name);
  if (host === undefined) throw notFound();
  return host;
}

/** One host from its newest row (V-43). */
function hostDetail({ hosts, formatTime, settings }: StateParts, host: Host): string {
  const form = { version: settings.textVersion, width: settings.termWidth };
  return sheetText(detailSheet(form), [rowView(host, hosts.newestRow(host), formatTime)]);
}
