import type { Command } from 'commander';
import { listAgents } from '../../db/queries/queries.ts';
import { API_OPTION } from '../backend/connect.ts';
import { withDatabase } from '../backend/database.ts';
import { AGENTS } from '../backend/definitions.ts';
import { printRest, restFor, rowsOverRest } from '../backend/rows.ts';
import { TENANT_OPTION, tenantOf } from '../input/resolve-tenant.ts';
import { showVerb } from '../nouns/list-and-show.ts';
import { withVerbs } from '../nouns/subcommands.ts';
import { type CliIo, printJson, printTable } from '../output/output.ts';

/** Registers `howdah agents [list | show]`: the agents, each with its model and current version. */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    { name: 'list', summary: 'list the agents', register: registerList },
    showVerb(AGENTS),
  ]);
}

function registerList(command: Command, io: CliIo): void {
  command.option(...TENANT_OPTION).option(...API_OPTION);
  command.action(async ({ tenant }: { tenant?: string }) => {
    const api = await restFor(io, AGENTS, command, tenant);
    if (api) return printRest(io, AGENTS, await rowsOverRest(api, AGENTS));
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
