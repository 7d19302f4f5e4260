import { type RootParts, rootRoutes } from "./root-routes.ts";
import type { VestaRoute } from "./route.ts";
import { type StateParts, stateRoutes } from "./states/routes.ts";
import { VestaError } from "./vesta-error.ts";

/** What the routes of vesta rest on. */
export interface VestaRouteParts extends RootParts, StateParts {
  settings: RootParts["settings"] & StateParts["settings"];
  /** Those of machines that send, of the pages' files and of Slack. */
  others: readonly VestaRoute[];
}

/** Every route of vesta. */
export function vestaRoutes(parts: VestaRouteParts): VestaRoute[] {
  return [...rootRoutes(parts), ...stateRoutes(parts), liveRoute(), ...parts.others];
}

/** The websocket's path, asked for without a change of protocol. */
function liveRoute(): VestaRoute {
  return {
    path: "/update/client/ws",
    guard: "list",
    methods: {
      GET: () => {
        throw new VestaError(405, "this path takes websockets alone", {
          headers: { Allow: "GET", Upgrade: "websocket" },
        });
      },
    },
  };
}
