// Loaded into an operator with `--import`: its wall clock is FAULT_CLOCK_MS off, and after SIGUSR2 FAULT_CLOCK_STEP_MS more. Its
// monotonic clock goes on, as it does when somebody sets a machine's time.
const RealDate = Date;
let offsetMs = Number(process.env.FAULT_CLOCK_MS ?? 0);
process.on("SIGUSR2", () => {
  offsetMs += Number(process.env.FAULT_CLOCK_STEP_MS ?? 0);
});
const now = (): number => RealDate.now() + offsetMs;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: unknown[]) => Reflect.construct(target, args.length === 0 ? [now()] : args),
  apply: () => new RealDate(now()).toString(),
  get: (target, key) => (key === "now" ? now : Reflect.get(target, key)),
});
