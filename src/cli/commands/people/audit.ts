import type { Command } from 'commander';
import type { AuditFilter } from '../../../db/access/audit-log.ts';
import { checkAuditLog, listAuditLog } from '../../../operations/administration/audit-log.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { allRows } from '../../backend/pages.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { limit, moment } from '../../input/run-filters.ts';
import { exitCodes } from '../../output/exit-codes.ts';
import type { CliIo } from '../../output/output.ts';
import { printRow, printRows, shortenRow } from '../../print/rows.ts';

type Options = Pick<AuditFilter, 'actor' | 'action' | 'object'> & {
  objectId?: string;
  tenant?: string;
  since?: Date;
  until?: Date;
  limit: number;
  check?: true;
};

const SHOWN = ['seq', 'created_at', 'actor', 'client', 'action', 'object', 'object_id', 'changed'];

/** Registers `howdah admin audit`, which lists who changed and controlled what, newest first. */
export function register(command: Command, io: CliIo): void {
  command
    .option('--actor <name>', 'only actions of this user, API key or login')
    .option('--action <action>', 'only this action, such as insert, update, cancel or approve')
    .option('--object <table>', 'only rows of this table, such as agents')
    .option('--object-id <id>', 'only this row')
    .option(
      '--since <when>',
      'only entries since this time: an age such as 1h, or a date such as 2026-12-01',
      moment,
    )
    .option(
      '--until <when>',
      'only entries before this time: an age such as 1h, or a date such as 2026-12-01',
      moment,
    )
    .option('--limit <number>', 'maximum number of entries', limit, 20)
    .option('--check', 'check the chain of the log instead, as howdah doctor --audit does for all')
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (options: Options) => {
      if (options.check) return checkChain(io, command, options);
      const { tenant, limit: most } = options;
      const query = filterOf(options);
      const items = await withBackend(io, command, { tenant }, ({ call }) =>
        allRows((page) => call(listAuditLog, { query: { ...query, ...page } }), most),
      );
      const rows = items.map((item) => shortenRow(item, SHOWN));
      printRows(io, { items, rows, empty: 'No entries match, or this login may not read them.' });
    });
}

/** Checks the log of the tenant in parts. Exits with 1 if a row is wrong. */
async function checkChain(io: CliIo, command: Command, { tenant }: Options): Promise<void> {
  const result = await withBackend(io, command, { tenant }, async ({ call }) => {
    let checked = 0;
    for (let after = 0; ; ) {
      const part = await call(checkAuditLog, { query: { after } });
      checked += part.checked;
      if (part.fault !== null || part.checked === 0 || part.through >= part.last_seq) {
        return { ...part, checked };
      }
      after = part.through;
    }
  });
  if (result.fault !== null) io.setExitCode(exitCodes.error);
  printRow(io, result);
}

function filterOf({ actor, action, object, objectId, since, until }: Options): AuditFilter {
  const times = { since: since?.toISOString(), until: until?.toISOString() };
  return { actor, action, object, object_id: objectId, ...times };
}
