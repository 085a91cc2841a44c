import type { Command } from 'commander';
import { API_OPTION } from '../backend/connect-server.ts';
import type { DefinitionKind } from '../backend/definition-kinds.ts';
import { withBackend } from '../backend/with-backend.ts';
import { TENANT_OPTION } from '../input/resolve-tenant.ts';
import { printRow, printRows } from '../print/rows.ts';
import type { Verb } from './subcommands.ts';

type Options = { tenant?: string };

/** Creates the verb `list`, which lists the rows of a tenant. */
export function listVerb(named: DefinitionKind): Verb {
  return {
    name: 'list',
    summary: `list the ${named.singular}s`,
    register: (command, io) =>
      withApi(command.option(...TENANT_OPTION), named).action(async (options: Options) => {
        const listing = await withBackend(io, command, options, ({ definitions }) =>
          definitions.list(named),
        );
        printRows(io, listing);
      }),
  };
}

/** Creates the verb `show NAME`, which prints one row with all its fields. */
export function showVerb(named: DefinitionKind): Verb {
  return {
    name: 'show',
    summary: `show one ${named.singular}`,
    register: (command, io) => {
      withApi(withName(command, named), named).action(async (name: string, options: Options) => {
        const row = await withBackend(io, command, options, ({ definitions }) =>
          definitions.find(named, name),
        );
        printRow(io, row);
      });
    },
  };
}

/** Adds the option for servers if REST has the rows. */
export function withApi(command: Command, { restPath }: DefinitionKind): Command {
  return restPath === undefined ? command : command.option(...API_OPTION);
}

/** Adds the argument and the option that select a row. */
export function withName(command: Command, named: DefinitionKind): Command {
  return command
    .argument('<name>', `${identifiers(named)} of the ${named.singular}`)
    .option(...TENANT_OPTION);
}

function identifiers({ nameColumn = 'name' }: DefinitionKind): string {
  if (nameColumn === 'id') return 'id';
  return nameColumn === 'url' ? 'URL or id' : 'name or id';
}
