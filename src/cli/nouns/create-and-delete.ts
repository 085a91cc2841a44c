import type { Command } from 'commander';
import { HowdahError } from '../../contracts/errors.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { deleteRow, insertRow } from '../../db/queries/row-collection.ts';
import type { Json } from '../../json/json.ts';
import { API_OPTION, type Api } from '../backend/connect.ts';
import { withDatabase } from '../backend/database.ts';
import { AGENTS, WORKFLOWS } from '../backend/definitions.ts';
import { madeOverRest, oneOverRest, restFor } from '../backend/rows.ts';
import { confirm, YES_OPTION } from '../input/confirm-option.ts';
import { forTenant, TENANT_OPTION } from '../input/resolve-tenant.ts';
import { type CliIo, printJson } from '../output/output.ts';
import { type Named, oneNamed, withName } from './list-and-show.ts';
import type { Verb } from './subcommands.ts';

type Options = Readonly<Record<string, unknown>> & { tenant?: string; yes?: true };

/** The way to create a row from a command line. */
export type Creation = Readonly<{
  /** Adds the argument for the name, other arguments, and the options. */
  register(command: Command): Command;
  /** Returns the columns of the row. `agent` and `workflow` are names. */
  columns(io: CliIo, args: readonly string[], options: Options): Promise<Row> | Row;
}>;
type Row = Readonly<Record<string, unknown>>;

/** Creates the verb `create`, which adds one row, in the database or over REST. */
export function createVerb(named: Named, { register, columns }: Creation): Verb {
  return {
    name: 'create',
    summary: `create a ${named.one}`,
    register: (command, io) => {
      register(command).option(...TENANT_OPTION);
      if (named.path) command.option(...API_OPTION);
      command.action(async () => {
        const options = command.opts<Options>();
        const { agent, workflow, ...values } = await columns(io, command.args, options);
        const row = await made(io, named, command, options, { agent, workflow, values });
        if (io.json) return printJson(io, row);
        io.out(row.id);
        io.err(`The ${named.one} ${row[named.key ?? 'name']} was created.`);
      });
    },
  };
}

async function made(
  io: CliIo,
  named: Named,
  self: Command,
  { tenant }: Options,
  { agent, workflow, values }: { agent: unknown; workflow: unknown; values: Row },
): Promise<Row & { id: string }> {
  const api = await restFor(io, named, self, tenant);
  const withIds = async (idOf: (of: Named, name: string) => Promise<string>): Promise<Row> => ({
    ...values,
    ...(typeof agent === 'string' && { agent_id: await idOf(AGENTS, agent) }),
    ...(typeof workflow === 'string' && { workflow_id: await idOf(WORKFLOWS, workflow) }),
  });
  if (api) {
    const body = await withIds(async (of, name) => (await oneOverRest(api, of, name)).id);
    return madeOverRest(api, named, body as Json);
  }
  return withDatabase(io, (database) =>
    forTenant(database, tenant, async (client) => {
      const row = await withIds(async (of, name) => (await oneNamed(client, of, name)).id);
      return oneNamed(client, named, await insertRow(client, collectionOf(named), row));
    }),
  );
}

/**
 * Creates the verb `delete NAME`, which deletes one row. `remove` is for rows that are kept because
 * other rows refer to them.
 */
export function deleteVerb(
  named: Named,
  remove = async (client: Pick<Pool, 'query'>, id: string): Promise<void> => {
    if (await deleteRow(client, collectionOf(named), id)) return;
    throw new HowdahError('HWDEN', `this login has no permission to delete ${named.one}s`);
  },
): Verb {
  return {
    name: 'delete',
    summary: `delete a ${named.one}`,
    register: (command, io) => {
      withName(command, named).option(...YES_OPTION);
      if (named.path) command.option(...API_OPTION);
      command.action(async (name: string, { tenant, yes }: Options) => {
        const isWanted = () => confirm(io, `This deletes the ${named.one} ${name}.`, yes);
        const api = await restFor(io, named, command, tenant);
        const row = api
          ? await deletedOverRest(api, named, name, isWanted)
          : await withDatabase(io, (database) =>
              forTenant(database, tenant, async (client) => {
                const found = await oneNamed(client, named, name);
                if (!(await isWanted())) return undefined;
                await remove(client, found.id);
                return found;
              }),
            );
        if (row === undefined) return;
        if (io.json) printJson(io, row);
        else io.out(`${row[named.key ?? 'name']} deleted`);
      });
    },
  };
}

async function deletedOverRest(
  api: Api,
  named: Named,
  name: string,
  isWanted: () => Promise<boolean>,
): Promise<Row | undefined> {
  const found = await oneOverRest(api, named, name);
  if (!(await isWanted())) return undefined;
  await api.request('DELETE', `${named.path}/${found.id}`);
  return found;
}

const collectionOf = ({ kind }: Named) => ({ table: kind, shown: 't.id', stamp: 't.id' });
