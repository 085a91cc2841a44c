import { findPlannedCall } from '../load/plan.ts';
import type { Effect } from '../load/shop-tools.ts';
import type { Breach } from './breach.ts';
import { count } from './count.ts';
import type { CallRow, Observations } from './observe-round.ts';

type EffectEvidence = Pick<Observations, 'bookings' | 'calls' | 'repeats'> & {
  seed: number;
  effects: readonly Effect[];
};

/** Checks that the SQL tool inserted one row for each finished call of a key. */
export function checkBookings({ bookings, calls }: EffectEvidence): Breach[] {
  const inserted = count(bookings, (key) => key);
  const finished = count(
    calls.filter(({ tool }) => tool === 'book'),
    ({ key }) => key,
  );
  const keys = new Set([...inserted.keys(), ...finished.keys()]);
  return [...keys].flatMap((key): Breach[] => {
    const [rows, steps] = [inserted.get(key) ?? 0, finished.get(key) ?? 0];
    if (rows === steps) return [];
    const what = `book ${key}: ${rows} rows, ${steps} steps`;
    return [{ kind: rows > steps ? 'doubled' : 'lost', what }];
  });
}

const TOOLS_WITH_EFFECTS = ['note', 'pay', 'careful'];

/**
 * Checks the effects of tools outside the database:
 * - every finished call had its effect;
 * - all executions of a call used one idempotency key;
 * - `pay` ran once, and once more for each time a person chose to repeat it;
 * - no rejected call was executed.
 */
export function checkEffects({ seed, effects, calls, repeats }: EffectEvidence): Breach[] {
  const idOf = ({ execution_id, key }: Omit<CallRow, 'tool'>) => `${execution_id} ${key}`;
  const effectsOfCalls = Map.groupBy(effects, idOf);
  const repeatsOfCalls = count(repeats, idOf);
  // A person may have marked the call of a fork as done because the original run has executed it.
  const keys = new Set(effects.map(({ key }) => key));
  const missing = calls
    .filter(({ tool, key }) => TOOLS_WITH_EFFECTS.includes(tool) && !keys.has(key))
    .map((call): Breach => ({ kind: 'lost', what: `${call.tool} ${idOf(call)} had no effect` }));
  const wrong = [...effectsOfCalls].flatMap(([id, all]): Breach[] => {
    const { tool, key } = all[0] as Effect;
    const idempotencyKeys = new Set(all.map((effect) => effect.idempotency_key)).size;
    if (idempotencyKeys > 1) {
      return [{ kind: 'doubled', what: `${tool} ${id} had ${idempotencyKeys} idempotency keys` }];
    }
    if (tool === 'pay' && all.length > 1 + (repeatsOfCalls.get(id) ?? 0)) {
      return [{ kind: 'doubled', what: `${tool} ${id} was executed ${all.length} times` }];
    }
    return findPlannedCall(seed, key)?.rejected
      ? [{ kind: 'doubled', what: `${tool} ${id} was executed although it was rejected` }]
      : [];
  });
  return [...missing, ...wrong];
}
