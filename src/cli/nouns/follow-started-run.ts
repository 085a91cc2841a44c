import type { Backend } from '../backend/backend.ts';
import { promptForAnswer } from '../input/prompt-for-answer.ts';
import { type CliIo, printJson } from '../output/output.ts';
import { showUntilEnd } from '../print/live-run.ts';

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
  await withWorker(() =>
    showUntilEnd(io, runs, id, {
      after,
      tree,
      onQuestion: (question) => promptForAnswer(io, questions, question),
    }),
  );
}
