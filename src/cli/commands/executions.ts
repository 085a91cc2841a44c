import { type Command, InvalidArgumentError, Option } from 'commander';
import { listExecutions } from '../../db/queries.ts';
import type { ExecutionStatus } from '../../db/schema.generated.ts';
import { withDatabase } from '../database.ts';
import { type CliIo, printJson, printTable } from '../output.ts';
import { forTenant, TENANT_OPTION, tenantOf } from '../tenants.ts';

const STATUSES: readonly ExecutionStatus[] = [
  'queued',
  'running',
  'waiting',
  'paused',
  'completed',
  'failed',
  'cancelled',
];

type Options = { tenant?: string; status?: ExecutionStatus; agent?: string; limit: number };

/** `howdah executions`: the newest runs. */
export function register(command: Command, io: CliIo): void {
  command
    .option(...TENANT_OPTION)
    .addOption(
      new Option('--status <status>', 'only runs that are').choices(STATUSES).argParser(status),
    )
    .option('--agent <name>', 'only runs of this agent')
    .option('--limit <number>', 'at most so many', limit, 20)
    .action(async ({ tenant, status, agent, limit }: Options) => {
      await withDatabase(io, async (database) => {
        const { db } = database;
        if (agent !== undefined) {
          // says so when there is none
          await forTenant(database, tenant, (client) =>
            client.query('select howdah.agent($1)', [agent]),
          );
        }
        const tenantId = tenant === undefined ? undefined : (await tenantOf(db, tenant)).id;
        const rows = await listExecutions(db, { tenantId, status, agent, limit });
        if (io.json) {
          printJson(io, { items: rows });
        } else if (rows.length === 0) {
          io.err('No executions. Insert one: howdah run development "Hello"');
        } else {
          printTable(io, rows);
        }
      });
    });
}

function status(text: string): ExecutionStatus {
  const found = STATUSES.find((one) => one === text.toLowerCase());
  if (!found) {
    throw new InvalidArgumentError(`It is one of ${STATUSES.join(', ')}.`);
  }
  return found;
}

function limit(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) {
    throw new InvalidArgumentError('It is a whole number from 1 on.');
  }
  return number;
}
