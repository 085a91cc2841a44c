import type { Command } from 'commander';
import { retain } from '../../db/maintenance.ts';
import { withDatabase } from '../database.ts';
import { type CliIo, printJson } from '../output.ts';

/** `howdah retention`: does now what a worker does each night. */
export function register(command: Command, io: CliIo): void {
  command.action(async () => {
    await withDatabase(io, async ({ pool }) => {
      const removed = await retain(pool);
      if (io.json) printJson(io, { removed });
      else
        io.out(`${removed} root runs and letters erased or deleted, as the retention policies say`);
    });
  });
}
