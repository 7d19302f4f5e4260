import type { Task } from "../../crds/generated/types.ts";

/** Which of the things exist that tasks of Odin's own programs are given without asking (O-166). */
export interface OdinObjects {
  /** Secret `odin-cred` with its key `odin-cred.yml`. */
  credential: boolean;
  /** Secret `ssh-key` with its key `identity`. */
  identity: boolean;
  /** Keys of ConfigMap `ssh-config`. */
  sshConfig: boolean;
  knownHosts: boolean;
}

/** What is looked for, and what of it a task's command gets. */
export const CREDENTIAL = { secret: "odin-cred", key: "odin-cred.yml", path: "/etc/odind/odin-cred.yml" } as const;
export const IDENTITY = { secret: "ssh-key", key: "identity", path: "/etc/odind/identity", mode: 0o400 } as const;
export const SSH_CONFIG = { configMap: "ssh-config", key: "ssh_config", path: "/etc/ssh/ssh_config" } as const;
export const KNOWN_HOSTS = { configMap: "ssh-config", key: "known_hosts", path: "/etc/ssh/ssh_known_hosts" } as const;

/** Whether a task runs one of Odin's programs, which talk to its servers (O-166). */
export function runsOdin({ command }: Task): boolean {
  return command[0]?.startsWith("odin") ?? false;
}

/** Whether a task runs the program that also clones repositories (O-166). */
export function runsChores({ command }: Task): boolean {
  return command[0]?.startsWith("odin-chores") ?? false;
}

/** The task with the mounts that its command gets without asking; what it asks for itself, by name or by place, stays as it is. */
export function withOdinObjects(task: Task, objects: OdinObjects | undefined): Task {
  if (objects === undefined || !runsOdin(task)) return task;
  const secrets = [...(task.secrets ?? [])];
  const configMaps = [...(task.configMaps ?? [])];
  const places = new Set([...(task.mounts ?? []), ...secrets, ...configMaps].map(({ path }) => path));
  const lacks = (wanted: { secret: string; path: string }): boolean =>
    !places.has(wanted.path) && !task.secrets?.some(({ name }) => name === wanted.secret);
  if (objects.credential && lacks(CREDENTIAL))
    secrets.push({ name: CREDENTIAL.secret, path: CREDENTIAL.path, subPath: CREDENTIAL.key });
  if (runsChores(task)) {
    if (objects.identity && lacks(IDENTITY))
      secrets.push({ name: IDENTITY.secret, path: IDENTITY.path, subPath: IDENTITY.key, mode: IDENTITY.mode });
    for (const [exists, { configMap, key, path }] of [
      [objects.sshConfig, SSH_CONFIG],
      [objects.knownHosts, KNOWN_HOSTS],
    ] as const) {
      const isAsked = places.has(path) || task.configMaps?.some(({ name }) => name === configMap);
      if (exists && !isAsked) configMaps.push({ name: configMap, path, subPath: key });
    }
  }
  return { ...task, secrets, configMaps };
}
