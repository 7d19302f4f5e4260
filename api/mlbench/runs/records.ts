/**
 * Where a worker's container keeps the records of commands (M-51): the mount of an emptyDir, so that they live as long as the pod and no longer. Below
 * it, a run has a directory named for its UID.
 */
export const RECORDS_PATH = "/odin-records";

/**
 * Environment variable of a worker's container with the UID of its pod, from the downward API (`metadata.uid`). A pod that was made anew under the
 * same name has another one, so that a command that was meant for the first is not started in the second.
 */
export const POD_UID_VARIABLE = "ODIN_POD_UID";
