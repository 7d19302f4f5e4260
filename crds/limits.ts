/** Most tasks that one run may have (O-6). */
export const MAX_TASKS = 2000;
/** Most direct dependencies of one task: with more, the rule that checks their names costs more than the API server allows. */
export const MAX_DEPENDS = 800;
/** Most rules of one task that say what to do after a failure. */
export const MAX_RETRY_RULES = 20;
/** Most bytes of auxiliary files that a Job or an inline run may carry: a ConfigMap holds 1 MiB with its own overhead (O-107). */
export const MAX_FILES_BYTES = 900 * 1024;
/** Most files of one job. */
export const MAX_FILES = 256;
/** Longest task id (`<run>--<task>`) that the REST API accepts at launch (O-13). */
export const MAX_TASK_ID = 60;
/** The same for a task of a distributed kind: names of pods and Services are made from it. */
export const MAX_DISTRIBUTED_TASK_ID = 50;
/** Longest name of an object of a distributed kind: a later attempt's is a little longer than its task's id. */
export const MAX_DISTRIBUTED_NAME = 53;
/** Longest name that fits a label value and a DNS label. */
export const MAX_LABEL = 63;
/** Events kept on a run; the newest stay. */
export const MAX_EVENTS = 40;
/** Longest message kept in a task record or an event, in characters. */
export const MAX_MESSAGE = 200;
/** Longest result that a task may hand back: what the kubelet keeps of a termination message (O-205). */
export const MAX_RESULT_BYTES = 4096;
/** Most bytes of results kept on one run, so that its object stays under 1 MiB. */
export const MAX_RESULTS_BYTES = 256 * 1024;
/** Largest object that we let a run grow to, in bytes: etcd refuses 1.5 MiB. */
export const MAX_OBJECT_BYTES = 1024 * 1024;
