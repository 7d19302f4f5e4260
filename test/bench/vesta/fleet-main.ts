/**
 * A process that is a fleet of exporters: `node fleet-main.js EXPORTERS GPUS` prints their addresses as one line of JSON and runs until its input ends.
 */
import { ExporterFleet } from "../../support/exporter-fleet.ts";

const [exporters = "", gpus = ""] = process.argv.slice(2);
const fleet = await ExporterFleet.start(Number(exporters), Number(gpus));
process.stdout.write(`${JSON.stringify(fleet.addresses)}\n`);
process.stdin.resume();
process.stdin.once("end", () => void fleet.stop());
