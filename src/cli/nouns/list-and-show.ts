import type { Command } from 'commander';
import type { CommandResource } from '../../resources/resource.ts';
import type { Row } from '../backend/backend.ts';
import { API_OPTION } from '../backend/connect-server.ts';
import { nameColumnOf } from '../backend/unknown-name.ts';
import { withBackend } from '../backend/with-backend.ts';
import { TENANT_OPTION } from '../input/resolve-tenant.ts';
import { printRow, printRows } from '../print/rows.ts';
import type { Verb } from './subcommands.ts';

type Options = { tenant?: string };

/** Creates the verb `list`, which lists the rows of a tenant. */
export function listVerb(resource: CommandResource): Verb {
  return {
    name: 'list',
    summary: `list the ${resource.many}`,
    register: (command, io) =>
      command
        .option(...TENANT_OPTION)
        .option(...API_OPTION)
        .action(async (options: Options) => {
          const listing = await withBackend(io, command, options, ({ definitions }) =>
            definitions.list(resource),
          );
          printRows(io, listing);
        }),
  };
}

/** Creates the verb `show NAME`, which prints one row with all its fields. */
export function showVerb(resource: CommandResource): Verb {
  return {
    name: 'show',
    summary: `show one ${resource.one}`,
    register: (command, io) => {
      withName(command, resource).action(async (name: string, options: Options) => {
        const row = await withBackend(io, command, options, ({ definitions }) =>
          definitions.find(resource, name),
        );
        printRow(io, io.json ? row : withoutAliases(resource, row));
      });
    },
  };
}

/** Leaves out the fields that other systems have under another name. */
function withoutAliases({ aliases, shownAliases = [] }: CommandResource, row: Row): Row {
  const others = [...Object.keys(aliases ?? {}), ...shownAliases];
  return Object.fromEntries(Object.entries(row).filter(([name]) => !others.includes(name)));
}

/** Adds the argument and the options that select a row. */
export function withName(command: Command, resource: CommandResource): Command {
  return command
    .argument('<name>', `${identifiers(resource)} of the ${resource.one}`)
    .option(...TENANT_OPTION)
    .option(...API_OPTION);
}

function identifiers(resource: CommandResource): string {
  const name = nameColumnOf(resource);
  if (name === 'id') return 'id';
  return name === 'url' ? 'URL or id' : 'name or id';
}
