import { setTimeout as wait } from 'node:timers/promises';
import { HowdahError } from '../../contracts/errors.ts';
import type { Evaluation } from '../../operations/quality/evaluations.ts';
import { evaluations } from '../../resources/quality/evaluations.ts';
import type { Backend } from '../backend/backend.ts';
import type { CliIo } from '../output/output.ts';

const EVERY_MS = 500;
const BAR_WIDTH = 24;

/**
 * Waits until all results of an evaluation are graded, and shows how many are. The evaluation goes
 * on if the command ends. Throws `EINTERRUPTED` after Ctrl-C.
 */
export async function followEvaluation(
  io: CliIo,
  { definitions }: Backend,
  id: string,
): Promise<Evaluation> {
  const stopped = new AbortController();
  io.onInterrupt(() => stopped.abort());
  let shown = '';
  for (;;) {
    const evaluation = (await definitions.find(evaluations, id)) as unknown as Evaluation;
    const line = progressOf(evaluation);
    if (io.isTerminal && !io.json && line !== shown) io.err(line);
    shown = line;
    if (isGraded(evaluation)) return evaluation;
    await wait(EVERY_MS, undefined, { signal: stopped.signal }).catch(() => {});
    if (stopped.signal.aborted) throw interrupted(id);
  }
}

/** Returns whether all results are graded. A cancelled evaluation ends with its last run. */
const isGraded = ({ status, completed_at }: Evaluation) =>
  status === 'completed' || (status === 'cancelled' && completed_at !== null);

function progressOf({ items, repeats, totals }: Evaluation): string {
  const runs = items * repeats;
  const { graded = 0, passed = 0 } = totals;
  const filled = Math.round((graded / runs) * BAR_WIDTH);
  return `${'#'.repeat(filled).padEnd(BAR_WIDTH, '.')} ${graded} of ${runs} graded, ${passed} passed`;
}

const interrupted = (id: string) =>
  new HowdahError('EINTERRUPTED', `evaluation ${id} goes on`, {
    hint: `Wait for it: howdah eval wait ${id}. Cancel it: howdah eval cancel ${id}`,
  });
