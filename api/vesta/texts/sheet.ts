import type { HostView } from "./host-view.ts";

/** A text about hosts: what it begins with, and what it says of each. */
export interface Sheet {
  top: string;
  ofHost(host: HostView): string;
}

/** The whole text of these hosts. */
export function sheetText({ top, ofHost }: Sheet, hosts: readonly HostView[]): string {
  return top + hosts.map(ofHost).join("");
}
