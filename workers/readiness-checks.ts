import type { Check } from '../src/telemetry/readiness.ts';

/** Returns the checks of whether a worker gets runs. */
export function readinessChecks(
  presence: { isAlive: boolean },
  queue: { isTaking: boolean },
  failing: readonly string[],
): Check[] {
  return [
    { name: 'presence', ...(presence.isAlive ? { ok: true } : { ok: false, reason: UNKNOWN }) },
    { name: 'queue', ...(queue.isTaking ? { ok: true } : { ok: false, reason: IDLE }) },
    { name: 'commits', ...(failing.length === 0 ? { ok: true } : { ok: false, reason: FAILING }) },
  ];
}

const UNKNOWN =
  'The database considers this worker dead. The worker releases its runs and registers again under another name.';
const FAILING =
  'This worker cannot claim or commit runs: the database has refused or not answered for more than ten seconds.';
const IDLE = 'This worker receives no wake-ups: its queue is restarting.';
