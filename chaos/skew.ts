// Loaded before anything else (`node --import`): this process thinks it is another time. Timers stay right.

const ms = Number(process.env.CHAOS_SKEW_MS ?? 0);
const RealDate = Date;
class SkewedDate extends RealDate {
  constructor(...given: unknown[]) {
    if (given.length === 0) super(RealDate.now() + ms);
    else super(...(given as [number]));
  }
  static override now(): number {
    return RealDate.now() + ms;
  }
}
globalThis.Date = SkewedDate as DateConstructor;

export {};
