import type { Host } from "../hosts/host.ts";
import type { VestaSettings } from "../settings/vesta-settings.ts";
import type { KnownHosts, StateSource } from "../states/state-source.ts";
import type { SampledHistory } from "./past.ts";
import type { Holdings } from "./templates/view.ts";

/** The hosts, and what happens to them. */
export interface FollowedHosts extends KnownHosts {
  /** Calls `fn` after each change of a host, until the returned function is called. */
  onChange(fn: (host: Host) => void): () => void;
}

/** What the page is made of. */
export interface PageParts extends Omit<StateSource, "history"> {
  hosts: FollowedHosts;
  history: SampledHistory;
  settings: Pick<VestaSettings, "textVersion" | "mainPage" | "tablePage" | "pageSize" | "liveSeconds" | "timeZone">;
  /** What tasks hold of a host's GPUs (V-54). */
  holdings: (host: Host) => Holdings;
  /** The time of day; that of this machine unless it is given. */
  now?: () => number;
}
