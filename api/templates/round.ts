/**
 * Rounds to `digits` decimals like Python: of two numbers that are equally near, the one with the even last digit. Nearness is that of the
 * number as it is stored, so that 2.675 becomes 2.67.
 */
export function roundCommon(value: number, digits: number): number {
  if (!Number.isFinite(value) || Math.abs(value) >= 1e21) return value;
  // A number lies in the middle between two decimals only if this many halvings make it whole.
  const halves = value * 2 ** (digits + 1);
  if (!Number.isSafeInteger(halves) || halves % 2 === 0) return Number(value.toFixed(digits));
  const scaled = BigInt(halves) * 5n ** BigInt(digits);
  const lower = (scaled - 1n) / 2n;
  const even = lower % 2n === 0n ? lower : lower + 1n;
  return even === 0n && value < 0 ? -0 : Number(`${even}e-${digits}`);
}
