import { text as readAll } from 'node:stream/consumers';
import type { Command } from 'commander';
import { HowdahError } from '../../contracts/errors.ts';
import { queryAs } from '../../db/typed-query.ts';
import { withDatabase } from '../database.ts';
import { type CliIo, printJson, printTable } from '../output.ts';
import { TENANT_OPTION, tenantOf } from '../tenants.ts';

type Options = { tenant?: string; write?: true };

/** `howdah sql QUERY`: one statement as the tenant, which reads; with `--write` what the application may write, too. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('[query]', 'one statement; without it, or with -, standard input is read')
    .option(...TENANT_OPTION)
    .option('--write', 'with the rights of the application, and kept; else nothing is written')
    .action(async (query: string | undefined, { tenant, write }: Options) => {
      const text = await queryIn(io, query);
      await withDatabase(io, async ({ pool, db, isOwner }) => {
        const tenantId =
          isOwner || tenant !== undefined ? (await tenantOf(db, tenant)).id : undefined;
        const role = write ? 'howdah_app' : 'howdah_analyst';
        const { rows, command: done } = await queryAs(pool, text, {
          isReadOnly: !write,
          ...(tenantId !== undefined && { tenantId }),
          ...(isOwner && { role }),
        });
        if (io.json) return printJson(io, { items: rows });
        printTable(io, rows);
        io.err(
          rows.length === 1
            ? '1 row'
            : `${rows.length} rows${done === 'SELECT' ? '' : ` (${done})`}`,
        );
      });
    });
}

async function queryIn(io: CliIo, query: string | undefined): Promise<string> {
  const isPiped = query === '-' || (query === undefined && io.ask === undefined);
  const text = isPiped ? await readAll(io.stdin) : (query ?? '');
  if (text.trim() !== '') return text;
  throw new HowdahError('EUSAGE', 'there is no statement', {
    hint: `howdah sql "select status, count(*) from howdah.executions group by 1", or by standard input. For a session: psql "$(howdah db url)"`,
  });
}
