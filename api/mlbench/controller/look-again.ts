/** How soon the names and objects of others are looked at again, where no event tells. */
export const LOOK_AGAIN_MS = 2_000;
