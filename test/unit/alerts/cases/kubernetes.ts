import type { AlertCase } from "../alert-case.ts";
import { API_UP, ML, UP } from "../series.ts";

const requests = (code: string, values: string): Record<string, string> => ({
  [`odin_api_requests_total{namespace="ml",verb="get",resource="pods",code="${code}"}`]: values,
});

/** Of the alerts about what the operator gets from the API server. */
export const KUBERNETES_CASES: readonly AlertCase[] = [
  {
    alert: "OdinWatchSilent",
    when: "nothing comes about pods",
    series: { 'odin_informer_last_event_age_seconds{namespace="ml",resource="pods"}': "0+60x30" },
    at: "15m",
    fires: [{ ...ML, resource: "pods" }],
  },
  {
    alert: "OdinWatchSilent",
    when: "a dead watch was opened again after its time",
    series: {
      'odin_informer_last_event_age_seconds{namespace="ml",resource="pods"}': "0 60 120 180 240 5 10 15 20x20",
    },
    at: "8m",
    fires: [],
  },
  {
    alert: "OdinApiServerFailing",
    when: "every fifth request gets no answer",
    series: { ...requests("200", "0+40x60"), ...requests("0", "0+10x60") },
    at: "20m",
    fires: [ML],
  },
  {
    alert: "OdinApiServerFailing",
    when: "one request in a hundred fails, and an idle operator misses one of two",
    series: { ...requests("200", "0+99x60"), ...requests("500", "0+1x60") },
    at: "20m",
    fires: [],
  },
  {
    alert: "OdinApiServerFailing",
    when: "an idle operator misses one request of two",
    series: { ...requests("200", "0x9 1x20"), ...requests("0", "0x9 1x20") },
    at: "18m",
    fires: [],
  },
  {
    alert: "OdinApiServerThrottling",
    when: "one request in ten is turned away",
    series: { ...requests("200", "0+90x60"), ...requests("429", "0+10x60") },
    at: "40m",
    fires: [ML],
  },
  {
    alert: "OdinApiServerThrottling",
    when: "a burst was turned away for some minutes",
    series: { ...requests("200", "0+90x60"), ...requests("429", "0x10 0+10x5 50x45") },
    at: "40m",
    fires: [],
  },
  {
    alert: "OdinMissingRights",
    when: "the operator may not create pods",
    series: {
      ...UP,
      'odin_missing_rights{namespace="ml",pod="operator-1",instance="a:9004",verb="create",resource="pods"}': "1x60",
    },
    at: "20m",
    fires: [{ ...ML, verb: "create", resource: "pods" }],
  },
  {
    alert: "OdinMissingRights",
    when: "the operator may not see nodes, and the API not the pods of all namespaces: both can be meant",
    series: {
      ...UP,
      ...API_UP,
      'odin_missing_rights{namespace="ml",pod="operator-1",instance="a:9004",verb="list",resource="nodes"}': "1x60",
      'odin_missing_rights{namespace="ml",pod="api-1",instance="b:9003",verb="list",resource="pods"}': "1x60",
    },
    at: "20m",
    fires: [],
  },
];
