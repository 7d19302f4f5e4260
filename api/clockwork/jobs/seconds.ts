/** Whole seconds since 1970 of a time as Kubernetes writes it; null for none, and for 1970 itself, which kubelets write where they know of none. */
export function seconds(time: string | null | undefined): number | null {
  const value = Math.floor(Date.parse(time ?? "") / 1000);
  return Number.isNaN(value) || value <= 0 ? null : value;
}
