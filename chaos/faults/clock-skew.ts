// Loaded with `node --import`. Shifts the clock of the process; timers are not affected.

const ms = Number(process.env.CHAOS_SKEW_MS ?? 0);
const RealDate = Date;
class SkewedDate extends RealDate {
  constructor(...values: unknown[]) {
    if (values.length === 0) super(RealDate.now() + ms);
    else super(...(values as [number]));
  }
  static override now(): number {
    return RealDate.now() + ms;
  }
}
globalThis.Date = SkewedDate as DateConstructor;

export {};
