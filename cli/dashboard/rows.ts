import type { Row } from "./panel.ts";
import { SERVER } from "./rows/api-server.ts";
import { ARCHIVE } from "./rows/archive.ts";
import { GLANCE } from "./rows/glance.ts";
import { GPUS } from "./rows/gpus.ts";
import { LATENCY } from "./rows/latency.ts";
import { PROCESSES } from "./rows/processes.ts";
import { API } from "./rows/rest-api.ts";
import { RUNS } from "./rows/runs.ts";

/** Everything on the dashboard, from what is looked at first to what is looked at last. */
export const ROWS: readonly Row[] = [GLANCE, RUNS, LATENCY, SERVER, ARCHIVE, API, GPUS, PROCESSES];
