/** A kind of object that the simulated API server stores. */
export interface ResourceFacts {
  group: string;
  version: string;
  plural: string;
  kind: string;
  namespaced: boolean;
  /** `status` is written apart from the rest. */
  statusApart: boolean;
  /** The generation counts changes of what is not metadata or status. */
  generations: boolean;
  /** A replacement must name the version it replaces. */
  versionNeeded: boolean;
  /** A delete answers with the object, not with a Status. */
  answersDeleted: boolean;
}

const facts = (
  group: string,
  plural: string,
  kind: string,
  more: Partial<ResourceFacts> = {},
): readonly [string, ResourceFacts] => [
  `${group}/${plural}`,
  {
    group,
    version: "v1",
    plural,
    kind,
    namespaced: true,
    statusApart: false,
    generations: false,
    versionNeeded: false,
    answersDeleted: false,
    ...more,
  },
];

const CUSTOM = { statusApart: true, generations: true, versionNeeded: true } as const;

/** Everything that is served, by `group/plural`. */
export const RESOURCES: ReadonlyMap<string, ResourceFacts> = new Map([
  facts("", "namespaces", "Namespace", { namespaced: false, statusApart: true }),
  facts("", "nodes", "Node", { namespaced: false, statusApart: true }),
  facts("", "pods", "Pod", { statusApart: true, generations: true, answersDeleted: true }),
  facts("", "configmaps", "ConfigMap"),
  facts("", "secrets", "Secret"),
  facts("", "events", "Event"),
  facts("", "resourcequotas", "ResourceQuota", { statusApart: true, answersDeleted: true }),
  facts("coordination.k8s.io", "leases", "Lease", { versionNeeded: true }),
  facts("batch", "jobs", "Job", { statusApart: true, generations: true }),
  facts("odin.io", "jobs", "Job", CUSTOM),
  facts("odin.io", "pipelines", "Pipeline", CUSTOM),
]);

/** `plural.group`, as messages of the server name a resource. */
export function qualified({ plural, group }: ResourceFacts): string {
  return group === "" ? plural : `${plural}.${group}`;
}

/** The facts of a resource that must be there. */
export function factsOf(group: string, plural: string): ResourceFacts {
  const found = RESOURCES.get(`${group}/${plural}`);
  if (found === undefined) throw new Error(`the simulated API server does not serve ${plural} of "${group}"`);
  return found;
}
