import type { Command } from 'commander';
import type { RunAction } from '../backend/backend.ts';
import { API_OPTION } from '../backend/connect-server.ts';
import { withBackend } from '../backend/with-backend.ts';
import { executionId } from '../input/resolve-id.ts';
import { type CliIo, printJson } from '../output/output.ts';

/** Registers a command that does one action on one run and prints the new status of the run. */
export function registerControl(command: Command, io: CliIo, action: RunAction): void {
  command.argument('<id>', 'id of the run').option(...API_OPTION);
  command.action(async (text: string, _options: object, self: Command) => {
    const id = executionId(text);
    const run = await withBackend(io, self, {}, ({ runs }) => runs.control(id, action));
    if (io.json) printJson(io, run);
    else io.out(`${run.id} ${run.status}${run.is_pause_requested ? ', pausing' : ''}`);
  });
}
