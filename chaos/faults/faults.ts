import { randomOf } from '../load/random.ts';

// The kinds of fault, and their plan, which is a pure function of the seed.

export const FAULTS = [
  'kill',
  'freeze',
  'pause_process',
  'drain',
  'terminate',
  'kill_backend',
  'restart_fast',
  'restart_immediate',
  'cut',
  'hold',
  'blackhole',
  'half_open',
  'slow',
  'lose_answer',
  'cut_midway',
  'cut_models',
  'duplicate_wakeups',
  'switch_encryption',
  'rotate_data_key',
] as const;
export type FaultKind = (typeof FAULTS)[number];

/**
 * One fault of a round. `draw`, a random number from 0 to below 1, selects the worker and the
 * duration.
 */
export type PlannedFault = { at: number; kind: FaultKind; draw: number };

/** Relative frequencies of the kinds. */
const WEIGHTS: Record<FaultKind, number> = {
  kill: 12,
  freeze: 4,
  pause_process: 2,
  drain: 2,
  terminate: 3,
  kill_backend: 1,
  restart_fast: 2,
  restart_immediate: 2,
  cut: 3,
  hold: 2,
  blackhole: 2,
  half_open: 1,
  slow: 2,
  lose_answer: 4,
  cut_midway: 3,
  cut_models: 2,
  duplicate_wakeups: 3,
  switch_encryption: 1,
  rotate_data_key: 1,
};

/** Plans the faults of a round, which lasts `forMs`. The average interval is `everyMs`. */
export function planFaults(
  seed: number,
  round: number,
  forMs: number,
  everyMs: number,
  kinds: readonly FaultKind[] = FAULTS,
): PlannedFault[] {
  if (kinds.length === 0) {
    return [];
  }
  const random = randomOf(seed, round, 'faults');
  const weighted = kinds.flatMap((kind) => Array.from({ length: WEIGHTS[kind] }, () => kind));
  const faults: PlannedFault[] = [];
  for (let at = everyMs / 2; at < forMs; at += everyMs * (0.5 + random.next())) {
    faults.push({ at: Math.round(at), kind: random.pick(weighted), draw: random.next() });
  }
  return faults;
}

/** The faults of the model server. */
export const MODEL_FAULTS = [
  'rate_limited',
  'error_500',
  'error_503',
  'hang',
  'half_stream',
  'ended_stream',
  'stalled_stream',
  'garbage',
  'web_page',
  'reset',
] as const;
export type ModelFault = (typeof MODEL_FAULTS)[number];

/** Faults that last until a time-out. A second one could exceed the deadline of the run. */
const SILENT: readonly ModelFault[] = ['hang', 'stalled_stream'];

/**
 * Returns the fault of the `nth` request (from 0) for a turn of a conversation. At most two
 * successive requests fail, and silent faults occur alone. So no run fails because of these faults,
 * and its output stays predictable.
 */
export function planModelFault(
  seed: number,
  key: string,
  turn: number,
  nth: number,
  kinds: readonly ModelFault[] = MODEL_FAULTS,
  probability = 0.12,
): ModelFault | undefined {
  const random = randomOf(seed, key, turn, 'model');
  if (kinds.length === 0 || !random.chance(probability)) {
    return undefined;
  }
  const first = random.pick(kinds);
  const second = random.pick(kinds);
  const isTwice = random.chance(0.5) && ![first, second].some((kind) => SILENT.includes(kind));
  return nth === 0 ? first : nth === 1 && isTwice ? second : undefined;
}
