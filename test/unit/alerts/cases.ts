import type { AlertCase } from "./alert-case.ts";
import { API_CASES } from "./cases/api.ts";
import { ARCHIVE_CASES } from "./cases/archive.ts";
import { GPU_CASES } from "./cases/gpus.ts";
import { KUBERNETES_CASES } from "./cases/kubernetes.ts";
import { OPERATOR_CASES } from "./cases/operator.ts";
import { RUN_CASES } from "./cases/runs.ts";

/** For each alert at least one case in which it fires and one, close to it, in which it does not. */
export const ALERT_CASES: readonly AlertCase[] = [
  ...OPERATOR_CASES,
  ...KUBERNETES_CASES,
  ...RUN_CASES,
  ...ARCHIVE_CASES,
  ...API_CASES,
  ...GPU_CASES,
];
