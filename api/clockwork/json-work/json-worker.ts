/** Runs in a thread of its own, so that megabytes of what a user has sent delay nobody else. */
import { serveWork } from "../../serve-work.ts";
import { doJsonTask } from "./work.ts";

serveWork(doJsonTask);
