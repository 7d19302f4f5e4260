import { ApiError } from "../errors.ts";

/** Who may manage users (O-29): `admins` the root user and those of ODIN_ADMINS, `any` everybody who can log in. */
export const USER_POLICIES = ["admins", "any"] as const;
export type UserPolicy = (typeof USER_POLICIES)[number];

/** What decides about the right to manage users. */
export interface UserRights {
  policy: UserPolicy;
  /** Names of the administrators, the root user included; they need not exist yet. */
  admins: ReadonlySet<string>;
}

/** Whether `user` may create and delete users, and change others than itself. */
export function managesUsers({ policy, admins }: UserRights, user: string): boolean {
  return policy === "any" || admins.has(user);
}

/**
 * Throws a 403 unless `user` may write the user named `target`; without a target, unless it may create and delete users.
 * The answer is the same whether the target exists or not.
 */
export function requireUserRight(rights: UserRights, user: string, target?: string): void {
  if (managesUsers(rights, user) || (target !== undefined && user === target)) return;
  const own = target === undefined ? "" : "; you may change your own user only";
  throw new ApiError("Forbidden", `this needs an administrator: the root user or one named in ODIN_ADMINS${own}`);
}
