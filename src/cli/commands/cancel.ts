import type { Command } from 'commander';
import { withDatabase } from '../database.ts';
import { executionId } from '../ids.ts';
import { type CliIo, printJson } from '../output.ts';

/** `howdah cancel ID`: ends a run at once, also in the middle of a model call. */
export function register(command: Command, io: CliIo): void {
  command.argument('<id>', 'the execution').action(async (id: string) => {
    await withDatabase(io, async ({ pool }) => {
      const { rows } = await pool.query('select * from howdah.cancel_execution($1)', [
        executionId(id),
      ]);
      if (io.json) {
        printJson(io, rows[0]);
      } else {
        io.out(`${rows[0].id} ${rows[0].status}`);
      }
    });
  });
}
