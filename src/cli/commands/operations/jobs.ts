import type { Command } from 'commander';
import {
  listBatchJobs,
  pauseBatchJobs,
  resumeBatchJobs,
} from '../../../operations/administration/batch-jobs.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { printRows, shortenRow } from '../../print/rows.ts';

const SHOWN = ['name', 'is_paused', 'waiting', 'later', 'failing', 'oldest_due_at', 'last_error'];

/** Registers `howdah admin jobs [list | pause | resume]`: what workers do in batches. */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    {
      name: 'list',
      summary: 'list the batch jobs, with the rows of the tenant',
      register: (verb) =>
        verb
          .option(...TENANT_OPTION)
          .option(...API_OPTION)
          .action(async ({ tenant }: { tenant?: string }, self: Command) => {
            const { data: items } = await withBackend(io, self, { tenant }, ({ call }) =>
              call(listBatchJobs, {}),
            );
            printRows(io, { items, rows: items.map((item) => shortenRow(item, SHOWN)) });
          }),
    },
    {
      name: 'pause',
      summary: 'pause a batch job of all tenants (owners of the database only)',
      register: (verb) => registerChange(verb, io, true),
    },
    {
      name: 'resume',
      summary: 'resume a batch job that was paused',
      register: (verb) => registerChange(verb, io, false),
    },
  ]);
}

function registerChange(verb: Command, io: CliIo, isPaused: boolean): void {
  verb
    .argument('<name>', 'name of the job, such as encrypt_run')
    .option(...API_OPTION)
    .action(async (name: string, _options: unknown, self: Command) => {
      const operation = isPaused ? pauseBatchJobs : resumeBatchJobs;
      await withBackend(io, self, {}, ({ call }) => call(operation, { params: { name } }));
      if (io.json) printJson(io, { name, is_paused: isPaused });
      else io.out(isPaused ? `${name} is paused` : `${name} is resumed`);
    });
}
