import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { exportRun } from '../../db/queries.ts';
import { withDatabase } from '../database.ts';
import { executionId, knownExecution } from '../ids.ts';
import type { CliIo } from '../output.ts';

/** `howdah export-run ID`: all that a replay needs of a run. The same run gives the same bytes. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'the execution')
    .option('--out <file>', 'write it there instead of to stdout')
    .action(async (text: string, { out }: { out?: string }) => {
      const id = executionId(text);
      await withDatabase(io, async ({ db }) => {
        const run = await exportRun(db, await knownExecution(db, id), !io.json);
        if (out === undefined) {
          return io.out(run);
        }
        await writeFile(out, `${run}\n`);
        io.err(`wrote ${out}`);
      });
    });
}
