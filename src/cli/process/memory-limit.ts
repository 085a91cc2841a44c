import { InvalidArgumentError } from 'commander';
import { HowdahError } from '../../contracts/errors.ts';

const LEAST_MB = 128;
const LOOK_MS = 250;

/** Parses `--memory`, in whole megabytes. */
export function megabytes(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  if (value < LEAST_MB) {
    throw new InvalidArgumentError(`Give whole megabytes from ${LEAST_MB} on, such as 512.`);
  }
  return value;
}

/** Throws `HWINV` if this process already uses more memory, before it has done anything. */
export function refuseTooLittle(mostMb: number): void {
  if (heldMb() > mostMb) {
    throw new HowdahError(
      'HWINV',
      `--memory ${mostMb} is less than the ${heldMb()} MB this process has before it takes a run`,
      { hint: 'Give it more; what it has beyond that is what runs may take.', detail: { mostMb } },
    );
  }
}

/**
 * Calls `onOver` once with the memory in use, when this process uses more than `mostMb`. Returns a
 * function that stops the check.
 */
export function watchMemory(mostMb: number, onOver: (heldMb: number) => void): () => void {
  const timer = setInterval(() => {
    const held = heldMb();
    if (held > mostMb) {
      clearInterval(timer);
      onOver(held);
    }
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

function heldMb(): number {
  return Math.ceil(process.memoryUsage.rss() / 2 ** 20);
}
