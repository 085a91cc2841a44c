import { InvalidArgumentError } from 'commander';
import { HowdahError } from '../../contracts/errors.ts';

const MIN_MB = 128;
const POLL_MS = 250;

/** Parses `--memory`, in whole megabytes. */
export function megabytes(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  if (value < MIN_MB) {
    throw new InvalidArgumentError(
      `Use a whole number of megabytes of ${MIN_MB} or more, such as 512.`,
    );
  }
  return value;
}

/** Throws `HWINV` if this process already uses more memory, before it has done anything. */
export function refuseTooLittle(mostMb: number): void {
  if (heldMb() > mostMb) {
    throw new HowdahError(
      'HWINV',
      `--memory ${mostMb} is less than the ${heldMb()} MB that this process uses without any run`,
      {
        hint: 'Use a larger value. Runs may use the memory above that amount.',
        detail: { mostMb },
      },
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
  }, POLL_MS);
  timer.unref();
  return () => clearInterval(timer);
}

function heldMb(): number {
  return Math.ceil(process.memoryUsage.rss() / 2 ** 20);
}
