import type { Command } from 'commander';
import { withArticle } from '../../text/with-article.ts';
import type { Backend, Row } from '../backend/backend.ts';
import type { DefinitionKind } from '../backend/definition-kinds.ts';
import { withBackend } from '../backend/with-backend.ts';
import { confirm, YES_OPTION } from '../input/confirm-option.ts';
import { TENANT_OPTION } from '../input/resolve-tenant.ts';
import { type CliIo, printJson } from '../output/output.ts';
import { withApi, withName } from './list-and-show.ts';
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
type Columns = Readonly<Record<string, unknown>> & {
  agent?: string | undefined;
  workflow?: string | undefined;
};

/** Creates the verb `create`, which adds one row. */
export function createVerb(named: DefinitionKind, { register, columns, complete }: Creation): Verb {
  return {
    name: 'create',
    summary: `create ${withArticle(named.singular)}`,
    register: (command, io) => {
      withApi(register(command).option(...TENANT_OPTION), named).action(async () => {
        const options = command.opts<Options>();
        const { agent, workflow, ...values } = await columns(io, command.args, options);
        const { tenant } = options;
        const writesModels = named.kind === 'models';
        const made = { tenant, writesModels, createsDatabase: true };
        const row = await withBackend(io, command, made, async (backend) => {
          const row = await backend.definitions.create(named, { agent, workflow, values });
          return (await complete?.(io, backend, row)) ?? row;
        });
        if (io.json) return printJson(io, row);
        io.out(row.id);
        io.err(`The ${named.singular} ${row[named.nameColumn ?? 'name']} was created.`);
      });
    },
  };
}

/** Creates the verb `delete NAME`, which deletes one row. */
export function deleteVerb(named: DefinitionKind): Verb {
  return {
    name: 'delete',
    summary: `delete ${withArticle(named.singular)}`,
    register: (command, io) => {
      withApi(withName(command, named).option(...YES_OPTION), named).action(
        async (name: string, { tenant, yes }: Options) => {
          const isWanted = () => confirm(io, `This deletes the ${named.singular} ${name}.`, yes);
          const row = await withBackend(io, command, { tenant }, ({ definitions }) =>
            definitions.delete(named, name, isWanted),
          );
          if (row === undefined) return;
          if (io.json) printJson(io, row);
          else io.out(`${row[named.nameColumn ?? 'name']} deleted`);
        },
      );
    },
  };
}
