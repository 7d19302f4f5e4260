/** Runs in a thread of its own, so that megabytes of metrics delay nobody else. */
import { serveWork } from "../../serve-work.ts";
import { readBody } from "./read-body.ts";

serveWork(readBody);
