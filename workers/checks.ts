import type { Check } from '../src/telemetry/readiness.ts';

/** Whether a worker gets runs. */
export function checksOf(presence: { isAlive: boolean }, queue: { isTaking: boolean }): Check[] {
  return [
    { name: 'presence', ...(presence.isAlive ? { ok: true } : { ok: false, reason: UNKNOWN }) },
    { name: 'queue', ...(queue.isTaking ? { ok: true } : { ok: false, reason: IDLE }) },
  ];
}

const UNKNOWN =
  'The database does not know this worker as alive; it lets go of its runs and comes back under another name.';
const IDLE = 'This worker takes no wake-ups: its queue is started again.';
