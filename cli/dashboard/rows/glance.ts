import type { Row } from "../panel.ts";
import { stat } from "../panel-kinds.ts";

/** What tells at once whether all is well. */
export const GLANCE: Row = {
  title: "At a glance",
  panels: [
    stat(
      "Operators ready",
      "short",
      "Replicas of the operator that are ready.",
      'sum(odin_ready{part="operator",$of})',
      {
        bad: { below: 1 },
      },
    ),
    stat("APIs ready", "short", "Replicas of the REST API that are ready.", 'sum(odin_ready{part="api",$of})', {
      bad: { below: 1 },
    }),
    stat(
      "Leases held",
      "short",
      "One for each shard. Fewer: nobody works on the runs of some shard.",
      'sum(odin_is_leader{$of,lease!~".+-(vesta|mlbench)"})',
      {
        bad: { below: 1 },
        emptyBecause: "an operator without leader election has no lease",
      },
    ),
    stat("Runs under way", "short", "Runs that go on now.", "sum(odin_running_pipelineruns{$of})"),
    stat(
      "Tasks that wait",
      "short",
      "Tasks that wait for something, or whose pod does.",
      "sum(odin_pods_waiting{$of}) or vector(0)",
    ),
    stat(
      "Alerts",
      "short",
      "Alerts of odin that fire now.",
      'count(ALERTS{alertname=~"Odin.+",alertstate="firing"}) or vector(0)',
      {
        bad: { above: 1 },
      },
    ),
    stat(
      "Throttled by quota",
      "short",
      "Tasks that a ResourceQuota holds back.",
      "sum(odin_running_taskruns_throttled_by_quota{$of})",
    ),
    stat(
      "Throttled by nodes",
      "short",
      "Tasks whose pod no node can take.",
      "sum(odin_running_taskruns_throttled_by_node{$of})",
    ),
    {
      ...stat("Versions", "short", "Processes by version: two of them while an upgrade is under way.", ""),
      queries: [{ expr: "count by (part, version) (odin_build_info{$of})", legend: "{{part}} {{version}}" }],
    },
  ],
};
