import type { Command } from 'commander';
import { listAgents } from '../../db/queries.ts';
import { withDatabase } from '../database.ts';
import { type CliIo, printJson, printTable } from '../output.ts';

/** `howdah agents`: the agents there are, each with its model and current version. */
export function register(command: Command, io: CliIo): void {
  command.action(async () => {
    await withDatabase(io, async ({ db }) => {
      const rows = await listAgents(db);
      if (io.json) {
        printJson(io, { items: rows });
      } else {
        printTable(io, rows);
      }
    });
  });
}
