import type { ClockworkRoute } from "../route.ts";
import { type UserDictParts, userDictRoute } from "./user-dict-route.ts";
import { type UserPropsParts, userPropsRoutes } from "./user-props-routes.ts";

/** What the routes of users' data rest on. */
export type UserDataParts = UserDictParts & UserPropsParts;

/** The routes of what users store with jobs (C-22 to C-25). */
export function userDataRoutes(parts: UserDataParts): ClockworkRoute[] {
  return [userDictRoute(parts), ...userPropsRoutes(parts)];
}
