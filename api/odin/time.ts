/** `submitTime`, `completionTime`: UTC without zone, always six decimals (O-7). */
export function statusTime(time: string): string {
  return `${new Date(time).toISOString().slice(0, -1)}000`;
}

/** An event's `timestamp`: UTC in seconds, with `+00:00` (O-7). */
export function eventTime(time: string): string {
  return `${new Date(time).toISOString().slice(0, 19)}+00:00`;
}
