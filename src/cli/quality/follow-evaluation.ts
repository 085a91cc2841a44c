import { setTimeout as wait } from 'node:timers/promises';
import { HowdahError } from '../../contracts/errors.ts';
import { listOperation } from '../../operations/list-operation.ts';
import type { Evaluation } from '../../operations/quality/evaluations.ts';
import { evaluationResults } from '../../resources/quality/evaluation-results.ts';
import { evaluations } from '../../resources/quality/evaluations.ts';
import type { Backend } from '../backend/backend.ts';
import { allRows } from '../backend/pages.ts';
import type { CliIo } from '../output/output.ts';

const EVERY_MS = 500;
/** How long nothing is graded before the command asks why. */
const ASK_AFTER_MS = 3_000;
const BAR_WIDTH = 24;

/** An evaluation that a command has followed, and the limit at which it was left. */
export type FollowedEvaluation = { evaluation: Evaluation; limit?: string | undefined };

/**
 * Waits until all results of an evaluation are graded, and shows how many are, and at which limit
 * its runs and judges wait. With `stopsAtLimit`, does not wait for the limit. The evaluation goes
 * on if the command ends. Throws `EINTERRUPTED` after Ctrl-C.
 */
export async function followEvaluation(
  io: CliIo,
  backend: Backend,
  id: string,
  stopsAtLimit = false,
): Promise<FollowedEvaluation> {
  const stopped = new AbortController();
  io.onInterrupt(() => stopped.abort());
  let shown = '';
  let askAt = Date.now() + ASK_AFTER_MS;
  let limit: string | undefined;
  for (;;) {
    const evaluation = (await backend.definitions.find(evaluations, id)) as unknown as Evaluation;
    const line = progressOf(evaluation);
    if (io.isTerminal && !io.json && line !== shown) io.err(line);
    if (isGraded(evaluation)) return { evaluation };
    if (line !== shown) askAt = Date.now() + ASK_AFTER_MS;
    if (Date.now() >= askAt) {
      const reached = await findReachedLimit(backend, id);
      if (reached !== undefined && reached !== limit && !io.json) io.err(`waits: ${reached}`);
      if (reached !== undefined && stopsAtLimit) return { evaluation, limit: reached };
      limit = reached;
      askAt = Date.now() + 10 * ASK_AFTER_MS;
    }
    shown = line;
    await wait(EVERY_MS, undefined, { signal: stopped.signal }).catch(() => {});
    if (stopped.signal.aborted) throw interrupted(id);
  }
}

/**
 * Returns the limit at which a run of an evaluation waits, or the judge of one. All of them mostly
 * wait at one limit, so the first ones that are not graded tell it.
 */
async function findReachedLimit({ call, runs }: Backend, id: string): Promise<string | undefined> {
  const results = await allRows((page) =>
    call(listOperation<ListedResult>(evaluationResults), { query: { evaluation_id: id, ...page } }),
  );
  for (const { execution_id } of results.filter(isOpen).slice(0, 5)) {
    let next = execution_id;
    for (let depth = 0; next !== null && depth < 4; depth += 1) {
      const { reason, summary, next: actions } = await runs.explain(next);
      if (reason === 'limit') return summary;
      next = actions.find(({ action }) => action === 'explain_execution')?.id ?? null;
    }
  }
  return undefined;
}

type ListedResult = { execution_id: string | null; graded_at: string | null };

const isOpen = ({ graded_at }: ListedResult) => graded_at === null;

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
