import type { Command } from 'commander';
import { API_OPTION, apiFor } from '../backend/connect.ts';
import { withDatabase } from '../backend/database.ts';
import { executionId, requireExecution } from '../input/resolve-id.ts';
import { type CliIo, printJson } from '../output/output.ts';

/** Registers a command that does one action on one run and prints the new status of the run. */
export function registerControl(
  command: Command,
  io: CliIo,
  name: 'cancel' | 'pause' | 'resume' | 'retry',
): void {
  command.argument('<id>', 'id of the execution').option(...API_OPTION);
  command.action(async (text: string, _options: object, self: Command) => {
    const id = executionId(text);
    const api = await apiFor(io, self);
    if (api) {
      const run = await api.call(`${name}Execution`, { params: { id } });
      return io.json ? printJson(io, run) : io.out(`${run.id} ${run.status}`);
    }
    await withDatabase(io, async ({ pool, db }) => {
      const { rows } = await pool.query(`select * from howdah.${name}_execution($1)`, [
        await requireExecution(db, id),
      ]);
      if (io.json) {
        printJson(io, rows[0]);
      } else {
        io.out(`${rows[0].id} ${rows[0].status}${rows[0].is_pause_requested ? ', pausing' : ''}`);
      }
    });
  });
}
