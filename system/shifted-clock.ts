/**
 * A preload (`node --import`) for child processes of the local stack, whose clock is not this machine's: what asks for
 * the present instant gets it with $OFFSITE_CLOCK_SHIFT milliseconds added. Nothing loads it on a real host.
 */

const shift = Number(process.env.OFFSITE_CLOCK_SHIFT ?? 0);
const RealDate = Date;

globalThis.Date = class extends RealDate {
  constructor(...args: unknown[]) {
    if (args.length === 0) super(RealDate.now() + shift);
    else super(...(args as [number]));
  }
  static override now(): number {
    return RealDate.now() + shift;
  }
} as DateConstructor;
