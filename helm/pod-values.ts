import { flag, integer, listPassedOn, objectName, passedOn, textMap, type Values } from "./value.ts";

/** What can be said about the pods of one part, whichever it is. */
export function podValues(resources: object, why = ""): Values {
  return {
    resources: passedOn(`Processor and memory that each pod asks for and may use.${why}`, resources),
    podLabels: textMap("Further labels of the pods."),
    podAnnotations: textMap("Further annotations of the pods."),
    nodeSelector: textMap("Labels of the nodes that the pods may be on."),
    tolerations: listPassedOn("Taints of nodes that the pods put up with."),
    affinity: passedOn(
      "Where else the pods may and should be. The one that keeps pods at the embedded store is added to it.",
    ),
    spread: flag("Spread the replicas over nodes and zones where that is possible.", true),
    priorityClassName: objectName("PriorityClass of the pods."),
    terminationGracePeriodSeconds: integer("Seconds that a pod has to end in order.", 30, 1, 600),
    extraEnv: listPassedOn("Further environment variables, such as a proxy's."),
    extraVolumes: listPassedOn("Further volumes of the pods, such as one with an authority's certificate."),
    extraVolumeMounts: listPassedOn("Where these are mounted."),
  };
}

/** The service account of one part. */
export function accountValues(): Values {
  return {
    create: flag("Make it. If not, `name` must be there and gets the rights.", true),
    name: objectName("Its name. Left out: from the release's name."),
    annotations: textMap("Its annotations, such as the ones that a cloud's identities need."),
  };
}
