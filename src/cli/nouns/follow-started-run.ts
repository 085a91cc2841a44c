import { setTimeout as delay } from 'node:timers/promises';
import type { Backend, RunBackend } from '../backend/backend.ts';
import { promptForAnswer } from '../input/prompt-for-answer.ts';
import { type CliIo, printJson } from '../output/output.ts';
import { showUntilEnd } from '../print/live-run.ts';

/** The time between looks at whether a worker can do the run. */
const LOOK_MS = 2_000;

type Options = { isDetached: boolean; after?: number; tree?: boolean };

/**
 * Follows a run that this command has started, and asks its questions at the terminal. A detached
 * run is not followed; its id is then the result.
 */
export async function followStartedRun(
  io: CliIo,
  { runs, questions, withWorker }: Backend,
  id: string,
  { isDetached, after = 0, tree = false }: Options,
): Promise<void> {
  if (isDetached) return io.json ? printJson(io, { id }) : io.out(id);
  io.err(`execution ${id}`);
  await withWorker(async () => {
    const over = new AbortController();
    void warnIfWorkersLackCode(io, runs, id, over.signal);
    try {
      await showUntilEnd(io, runs, id, {
        after,
        tree,
        onQuestion: (question) => promptForAnswer(io, questions, question),
      });
    } finally {
      over.abort();
    }
  });
}

/** Prints once, before the signal fires, that no running worker has the code of the run. */
async function warnIfWorkersLackCode(
  io: CliIo,
  runs: Pick<RunBackend, 'explain'>,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (;;) {
      await delay(LOOK_MS, undefined, { signal, ref: false });
      const { reason, summary } = await runs.explain(id);
      if (signal.aborted) return;
      if (reason === 'worker_lacks_code') {
        io.err(
          `${summary}; it stays queued. To start a worker that has it: howdah worker --tools FOLDER`,
        );
        return;
      }
    }
  } catch {
    // the run has ended, or what follows it reports the failure
  }
}
