import type { Task } from "../crds/generated/types.ts";
import { isMountable, notMountable } from "../crds/mountable-secret.ts";
import type { KubeClient } from "../kube/client.ts";
import { CONFIG_MAP, SECRET } from "../kube/core-resources.ts";
import { isKubeError } from "../kube/errors.ts";
import { type KubeObject, objectPath, type Resource } from "../kube/resource.ts";
import {
  CREDENTIAL,
  IDENTITY,
  KNOWN_HOSTS,
  type OdinObjects,
  runsChores,
  runsOdin,
  SSH_CONFIG,
} from "./kinds/odin-commands.ts";

interface WithData extends KubeObject {
  type?: string;
  data?: Record<string, string>;
}

/** Reads the Secrets and ConfigMaps that tasks mount, as far as something depends on what they are. Values are never kept. */
export class TaskObjects {
  readonly #client: KubeClient;
  readonly #listed: ReadonlySet<string>;

  /** `listed`: Secrets that tasks may mount without a label (O-147). */
  constructor(client: KubeClient, listed: readonly string[]) {
    this.#client = client;
    this.#listed = new Set(listed);
  }

  /** What is wrong with the Secrets that tasks ask for (O-147): each must be listed in the settings, or labelled. */
  async secretProblem(namespace: string | undefined, tasks: readonly Task[]): Promise<string | undefined> {
    const checked = new Set(this.#listed);
    for (const task of tasks) {
      for (const { name } of task.secrets ?? []) {
        if (checked.has(name)) continue;
        checked.add(name);
        const secret = await this.#read(SECRET, namespace, name);
        if (secret === undefined || !isMountable(secret)) return `task ${task.name}: ${notMountable(name)}`;
      }
    }
    return undefined;
  }

  /** Which of the objects exist that Odin's own programs are given (O-166); nothing is read for runs without such a task. */
  async odinObjects(namespace: string | undefined, tasks: readonly Task[]): Promise<OdinObjects | undefined> {
    if (!tasks.some(runsOdin)) return undefined;
    const hasChores = tasks.some(runsChores);
    const [credential, identity, ssh] = await Promise.all([
      this.#read(SECRET, namespace, CREDENTIAL.secret),
      hasChores ? this.#read(SECRET, namespace, IDENTITY.secret) : undefined,
      hasChores ? this.#read(CONFIG_MAP, namespace, SSH_CONFIG.configMap) : undefined,
    ]);
    return {
      credential: this.#mayMount(credential) && hasKey(credential, CREDENTIAL.key),
      identity: this.#mayMount(identity) && hasKey(identity, IDENTITY.key),
      sshConfig: hasKey(ssh, SSH_CONFIG.key),
      knownHosts: hasKey(ssh, KNOWN_HOSTS.key),
    };
  }

  #mayMount(secret: WithData | undefined): boolean {
    return secret !== undefined && (this.#listed.has(secret.metadata.name) || isMountable(secret));
  }

  async #read(resource: Resource, namespace: string | undefined, name: string): Promise<WithData | undefined> {
    try {
      return await this.#client.get<WithData>(objectPath(resource, namespace, name));
    } catch (error) {
      if (isKubeError(error, "notFound")) return undefined;
      throw error;
    }
  }
}

function hasKey(object: WithData | undefined, key: string): boolean {
  return object?.data !== undefined && Object.hasOwn(object.data, key);
}
