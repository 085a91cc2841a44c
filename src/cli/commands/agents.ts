import type { Command } from 'commander';
import { listAgents } from '../../db/queries.ts';
import { withDatabase } from '../database.ts';
import { type Named, showVerb } from '../named.ts';
import { type CliIo, printJson, printTable } from '../output.ts';
import { TENANT_OPTION, tenantOf } from '../tenants.ts';
import { withVerbs } from '../verbs.ts';

const AGENTS: Named = { kind: 'agents', one: 'agent', noun: 'agents', empty: '' };

/** `howdah agents [list | show]`: the agents there are, each with its model and current version. */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    { name: 'list', summary: 'the agents there are', register: registerList },
    showVerb(AGENTS),
  ]);
}

function registerList(command: Command, io: CliIo): void {
  command.option(...TENANT_OPTION).action(async ({ tenant }: { tenant?: string }) => {
    await withDatabase(io, async ({ db }) => {
      const rows = await listAgents(db, tenant && (await tenantOf(db, tenant)).id);
      if (io.json) {
        printJson(io, { items: rows });
      } else {
        printTable(io, rows);
      }
    });
  });
}
