import type { KubeClient } from "./client.ts";
import { isKubeError } from "./errors.ts";
import type { Resource } from "./resource.ts";

interface GroupList {
  groups?: { name?: string; versions?: { version?: string }[] }[];
}

interface ResourceList {
  resources?: { name?: string }[];
}

/** Names a resource with its group and version, as in `pytorchjobs.v1.kubeflow.org`. */
export function resourceKey({ group, version, plural }: Pick<Resource, "group" | "version" | "plural">): string {
  return `${plural}.${version}.${group}`;
}

/**
 * Which of these resources of named groups the API server serves now, as `resourceKey`s. Costs one request, and one more for each of
 * their groups and versions that is there. Rejects with a KubeError if the server did not say.
 */
export async function servedResources(
  client: KubeClient,
  resources: readonly Resource[],
  signal?: AbortSignal,
): Promise<Set<string>> {
  const options = signal === undefined ? {} : { signal };
  const { groups = [] } = await client.get<GroupList>("/apis", options);
  const there = new Set(
    groups.flatMap(({ name, versions = [] }) => versions.map(({ version }) => `${name}/${version}`)),
  );
  const wanted = new Set(
    resources.map(({ group, version }) => `${group}/${version}`).filter((name) => there.has(name)),
  );
  const served = new Set<string>();
  await Promise.all(
    [...wanted].map(async (groupVersion) => {
      const plurals = await pluralsOf(client, groupVersion, options);
      for (const resource of resources) {
        if (`${resource.group}/${resource.version}` === groupVersion && plurals.has(resource.plural))
          served.add(resourceKey(resource));
      }
    }),
  );
  return served;
}

async function pluralsOf(
  client: KubeClient,
  groupVersion: string,
  options: { signal?: AbortSignal },
): Promise<Set<string | undefined>> {
  try {
    const { resources = [] } = await client.get<ResourceList>(`/apis/${groupVersion}`, options);
    return new Set(resources.map(({ name }) => name));
  } catch (error) {
    // Taken away between the two requests.
    if (isKubeError(error, "notFound")) return new Set();
    throw error;
  }
}
