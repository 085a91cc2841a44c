import { randomOf } from '../load/random.ts';

// Which faults there are, and when: a pure function of the seed.

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

/** One fault of a round: `dice` decides what else there is to decide (which worker, how long). */
export type PlannedFault = { at: number; kind: FaultKind; dice: number };

/** How often each kind comes, one beside the others. The bar counts on restarts, kills and freezes being there. */
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

/** Faults come one after another, each `everyMs` on the average, until the round's time is over. */
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
  const urn = kinds.flatMap((kind) => Array.from({ length: WEIGHTS[kind] }, () => kind));
  const faults: PlannedFault[] = [];
  for (let at = everyMs / 2; at < forMs; at += everyMs * (0.5 + random.next())) {
    faults.push({ at: Math.round(at), kind: random.pick(urn), dice: random.next() });
  }
  return faults;
}

/** What a model server does instead of answering. */
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

/** A run is patient with these only once: they may be all the time it has. */
const SILENT: readonly ModelFault[] = ['hang', 'stalled_stream'];

/**
 * What happens to the `nth` request (from 0) for a turn of a conversation. At most two in a row fail, and silence comes
 * alone, so that no run fails by this: what comes out of it stays known.
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
