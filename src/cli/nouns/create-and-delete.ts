import type { Command } from 'commander';
import type { CommandResource } from '../../resources/resource.ts';
import { withArticle } from '../../text/with-article.ts';
import type { Backend, Row } from '../backend/backend.ts';
import { API_OPTION } from '../backend/connect-server.ts';
import { nameColumnOf } from '../backend/unknown-name.ts';
import { withBackend } from '../backend/with-backend.ts';
import { confirm, YES_OPTION } from '../input/confirm-option.ts';
import { TENANT_OPTION } from '../input/resolve-tenant.ts';
import { type CliIo, printJson } from '../output/output.ts';
import { withName } from './list-and-show.ts';
import type { Verb } from './subcommands.ts';

type Options = Readonly<Record<string, unknown>> & { tenant?: string; yes?: true };

/** The way to create a row from a command line. */
export type Creation = Readonly<{
  /** Adds the argument for the name, other arguments, and the options. */
  register(command: Command): Command;
  /** Returns the columns of the row. `agent` and `workflow` are names. */
  columns(io: CliIo, args: readonly string[], options: Options): Promise<Columns> | Columns;
  /** Completes the new row. What it returns is printed. */
  complete?(io: CliIo, backend: Backend, row: Row & { id: string }): Promise<Row & { id: string }>;
}>;
type Columns = Readonly<Record<string, unknown>>;

/** Creates the verb `create`, which adds one row. */
export function createVerb(
  resource: CommandResource,
  { register, columns, complete }: Creation,
): Verb {
  return {
    name: 'create',
    summary: `create ${withArticle(resource.one)}`,
    register: (command, io) => {
      register(command)
        .option(...TENANT_OPTION)
        .option(...API_OPTION)
        .action(async () => {
          const options = command.opts<Options>();
          const values = await columns(io, command.args, options);
          const { tenant } = options;
          const writesModels = resource.table === 'models';
          const made = { tenant, writesModels, createsDatabase: true };
          const row = await withBackend(io, command, made, async (backend) => {
            const row = await backend.definitions.create(resource, values);
            return (await complete?.(io, backend, row)) ?? row;
          });
          if (io.json) return printJson(io, row);
          io.out(row.id);
          io.err(`The ${resource.one} ${row[nameColumnOf(resource)]} was created.`);
        });
    },
  };
}

/** Creates the verb `delete NAME`, which deletes one row. */
export function deleteVerb(resource: CommandResource): Verb {
  return {
    name: 'delete',
    summary: `delete ${withArticle(resource.one)}`,
    register: (command, io) => {
      withName(command, resource)
        .option(...YES_OPTION)
        .action(async (name: string, { tenant, yes }: Options) => {
          const isWanted = () => confirm(io, `This deletes the ${resource.one} ${name}.`, yes);
          const row = await withBackend(io, command, { tenant }, ({ definitions }) =>
            definitions.delete(resource, name, isWanted),
          );
          if (row === undefined) return;
          if (io.json) printJson(io, row);
          else io.out(`${row[nameColumnOf(resource)]} deleted`);
        });
    },
  };
}
