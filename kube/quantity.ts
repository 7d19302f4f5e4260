const FACTORS: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};
const QUANTITY = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/;

/** The number that a quantity of Kubernetes stands for (`100m`, `1.5Gi`, `2e3`, 4); 0 for what is none. */
export function quantity(value: unknown): number {
  if (typeof value === "number") return Number.isFinite(value) ? value : 0;
  const [, digits = "", exponent, suffix = ""] = (typeof value === "string" && QUANTITY.exec(value.trim())) || [];
  if (digits === "") return 0;
  return exponent === undefined ? Number(digits) * (FACTORS[suffix] ?? 1) : Number(`${digits}${exponent}`);
}

/** A quantity of processors in thousandths, rounded up as the API server does. */
export function milliCpus(value: unknown): number {
  // What multiplying has added behind the ninth digit is not there.
  return Math.ceil(Math.round(quantity(value) * 1e9) / 1e6);
}
