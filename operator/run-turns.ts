import type { CachedRun } from "./cached-run.ts";
import type { Caches } from "./caches.ts";
import { findJob } from "./caches.ts";
import type { Plan } from "./decide/run.ts";
import type { Change } from "../kube/object-cache.ts";
import { comparePlaces, type Place, WaitingLine } from "./waiting-line.ts";
