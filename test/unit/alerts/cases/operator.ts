import type { AlertCase } from "../alert-case.ts";
import { API_UP, buckets, ML, OPERATOR, UP } from "../series.ts";

/** Of the alerts about the operator itself. */
export const OPERATOR_CASES: readonly AlertCase[] = [
  {
    alert: "OdinOperatorDown",
    when: "the only operator has been gone for some minutes",
    series: {
      [`odin_build_info${OPERATOR}`]: "1x20 stale",
      [`odin_ready${OPERATOR.replace(',version="1"', "")}`]: "1x20 stale",
    },
    at: "30m",
    fires: [ML],
  },
  {
    alert: "OdinOperatorDown",
    when: "operators answer and none is ready",
    series: { [`odin_build_info${OPERATOR}`]: "1x60", 'odin_ready{namespace="ml",part="operator"}': "0x60" },
    at: "30m",
    fires: [ML],
  },
  {
    alert: "OdinOperatorDown",
    when: "no operator was ever seen",
    series: API_UP,
    at: "30m",
    fires: [{}],
  },
  {
    alert: "OdinOperatorDown",
    when: "another replica is ready, and an installation elsewhere is too",
    series: {
      ...UP,
      'odin_build_info{namespace="ml",pod="operator-2",part="operator"}': "1x20 stale",
      'odin_build_info{namespace="other",part="operator"}': "1x60",
      'odin_ready{namespace="other",part="operator"}': "1x60",
    },
    at: "30m",
    fires: [],
  },
  {
    alert: "OdinOperatorDown",
    when: "it was restarted within three minutes",
    series: {
      [`odin_build_info${OPERATOR}`]: "1x20 stale _x2 1x30",
      [`odin_ready${OPERATOR.replace(',version="1"', "")}`]: "1x20 stale _x2 1x30",
    },
    at: "24m",
    fires: [],
  },
  {
    alert: "OdinNoLeader",
    when: "two replicas run and neither leads one of two shards",
    series: {
      'odin_is_leader{namespace="ml",pod="a",lease="ml/odin-operator"}': "1x30",
      'odin_is_leader{namespace="ml",pod="b",lease="ml/odin-operator"}': "0x30",
      'odin_is_leader{namespace="ml",pod="a",lease="ml/odin-operator-1"}': "0x30",
      'odin_is_leader{namespace="ml",pod="b",lease="ml/odin-operator-1"}': "1x10 0x20",
    },
    at: "20m",
    fires: [{ ...ML, lease: "ml/odin-operator-1" }],
  },
  {
    alert: "OdinNoLeader",
    when: "one replica leads and the other stands by, and the lease changed hands a minute ago",
    series: {
      'odin_is_leader{namespace="ml",pod="a",lease="ml/odin-operator"}': "1x10 0x20",
      'odin_is_leader{namespace="ml",pod="b",lease="ml/odin-operator"}': "0x11 1x20",
    },
    at: "12m",
    fires: [],
  },
  {
    alert: "OdinLeaderFlapping",
    when: "the lease goes to and fro",
    series: { 'odin_is_leader{namespace="ml",pod="a",lease="l"}': "0 1 0 1 0 1 0 1 0 1 0 1" },
    at: "11m",
    fires: [{ ...ML, lease: "l" }],
  },
  {
    alert: "OdinLeaderFlapping",
    when: "both replicas are replaced once by an upgrade",
    series: {
      'odin_is_leader{namespace="ml",pod="a",lease="l"}': "1x5 0 stale",
      'odin_is_leader{namespace="ml",pod="b",lease="l"}': "0x5 1x5 0 stale",
      'odin_is_leader{namespace="ml",pod="c",lease="l"}': "_x5 0x5 1x20",
    },
    at: "20m",
    fires: [],
  },
  {
    alert: "OdinNotReady",
    when: "one of two replicas is not ready for twenty minutes",
    series: { ...UP, 'odin_ready{namespace="ml",part="operator",pod="operator-2"}': "0x60" },
    at: "20m",
    fires: [{ ...ML, part: "operator", pod: "operator-2" }],
  },
  {
    alert: "OdinNotReady",
    when: "a replica takes ten minutes to start",
    series: { 'odin_ready{namespace="ml",part="api",pod="api-2"}': "0x10 1x30" },
    at: "20m",
    fires: [],
  },
  {
    alert: "OdinRestarting",
    when: "the process starts again and again, and is gone in between",
    series: {
      [`odin_build_info${OPERATOR}`]: "1 _ 1 _ 1 _ 1 _ 1 _ 1 _",
      'process_start_time_seconds{namespace="ml",pod="operator-1",instance="a:9004"}':
        "0 _ 120 _ 240 _ 360 _ 480 _ 600 _",
    },
    at: "11m",
    fires: [{ ...ML, part: "operator", pod: "operator-1" }],
  },
  {
    alert: "OdinRestarting",
    when: "it was restarted once, and something else in the cluster all the time",
    series: {
      ...UP,
      'process_start_time_seconds{namespace="ml",pod="operator-1",instance="a:9004"}': "0x10 600x20",
      'process_start_time_seconds{namespace="ml",pod="other",instance="c:1"}': "0+60x30",
    },
    at: "30m",
    fires: [],
  },
  {
    alert: "OdinReconcileErrors",
    when: "runs fail with a cause that does not pass",
    series: { 'odin_error_count{namespace="ml",cause="invalid"}': "0+2x60" },
    at: "40m",
    fires: [{ ...ML, cause: "invalid" }],
  },
  {
    alert: "OdinReconcileErrors",
    when: "the API server was away, or one run failed a few times",
    series: {
      'odin_error_count{namespace="ml",cause="transient"}': "0+20x60",
      'odin_error_count{namespace="ml",cause="other"}': "0x20 5x40",
    },
    at: "40m",
    fires: [],
  },
  {
    alert: "OdinQueueSlow",
    when: "keys wait a minute for their turn",
    series: buckets("odin_queue_latency", 'namespace="ml",queue_name="pipelines"', {
      "10": "0x60",
      "60": "0+10x60",
      "300": "0+10x60",
      "+Inf": "0+10x60",
    }),
    at: "30m",
    fires: [{ ...ML, queue_name: "pipelines" }],
  },
  {
    alert: "OdinQueueSlow",
    when: "one look at a run does not end, and so no time of it is ever known",
    series: { 'odin_queue_longest_running{namespace="ml",queue_name="pipelines"}': "0+60x60" },
    at: "30m",
    fires: [{ ...ML, queue_name: "pipelines" }],
  },
  {
    alert: "OdinQueueSlow",
    when: "keys wait milliseconds",
    series: {
      ...buckets("odin_queue_latency", 'namespace="ml",queue_name="pipelines"', {
        "0.005": "0+100x60",
        "60": "0+100x60",
        "+Inf": "0+100x60",
      }),
      'odin_queue_longest_running{namespace="ml",queue_name="pipelines"}': "2x60",
    },
    at: "30m",
    fires: [],
  },
];
