import type { Command } from 'commander';
import type { ControlResult, RunAction } from '../backend/backend.ts';
import { API_OPTION } from '../backend/connect-server.ts';
import { withBackend } from '../backend/with-backend.ts';
import { executionId } from '../input/resolve-id.ts';
import { exitCodeFor } from '../output/exit-codes.ts';
import { type CliIo, printJson } from '../output/output.ts';

/**
 * Registers a command that does one action on one or more runs and prints their new statuses.
 * Several runs are changed by one call.
 */
export function registerControl(command: Command, io: CliIo, action: RunAction): void {
  command.argument('<ids...>', 'ids of the runs').option(...API_OPTION);
  command.action(async (texts: string[], _options: object, self: Command) => {
    const [id = '', ...others] = [...new Set(texts.map(executionId))];
    await withBackend(io, self, {}, async ({ runs }) => {
      if (others.length > 0) {
        printResults(io, await runs.controlMany([id, ...others], action));
        return;
      }
      const run = await runs.control(id, action);
      if (io.json) printJson(io, run);
      else io.out(`${run.id} ${run.status}${run.is_pause_requested ? ', pausing' : ''}`);
    });
  });
}

/** Prints a line for each run. The status to exit with is that of the first error. */
function printResults(io: CliIo, results: readonly ControlResult[]): void {
  if (io.json) printJson(io, results);
  for (const { id, status, error } of results) {
    if (!io.json && error) io.err(error.message);
    else if (!io.json) io.out(`${id} ${status}`);
  }
  const failed = results.find(({ error }) => error !== null)?.error;
  if (failed) io.setExitCode(exitCodeFor(failed.code));
}
