import type { Command } from 'commander';
import { withDatabase } from './database.ts';
import { executionId, knownExecution } from './ids.ts';
import { type CliIo, printJson } from './output.ts';

/** A command that asks one thing of one run and prints where the run stands then. */
export function registerControl(
  command: Command,
  io: CliIo,
  name: 'cancel' | 'pause' | 'resume' | 'retry',
): void {
  command.argument('<id>', 'the execution').action(async (text: string) => {
    const id = executionId(text);
    await withDatabase(io, async ({ pool, db }) => {
      const { rows } = await pool.query(`select * from howdah.${name}_execution($1)`, [
        await knownExecution(db, id),
      ]);
      if (io.json) {
        printJson(io, rows[0]);
      } else {
        io.out(`${rows[0].id} ${rows[0].status}${rows[0].is_pause_requested ? ', pausing' : ''}`);
      }
    });
  });
}
