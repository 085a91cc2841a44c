import type { Command } from 'commander';
import type { Pool } from '../../db/connection/pool.ts';
import { findNamed, listNamed, type NamedKind, namesOf } from '../../db/queries/named-objects.ts';
import { API_OPTION } from '../backend/connect.ts';
import { withDatabase } from '../backend/database.ts';
import { unknownName } from '../backend/definitions.ts';
import { oneOverRest, printRest, restFor, rowsOverRest } from '../backend/rows.ts';
import { forTenant, TENANT_OPTION } from '../input/resolve-tenant.ts';
import { type CliIo, paintResult, printJson, printTable } from '../output/output.ts';
import { maskUrlKeys, oneLine, plainText } from '../output/terminal-text.ts';
import type { Verb } from './subcommands.ts';

type Options = { tenant?: string };
type Row = Readonly<Record<string, unknown>>;
type Client = Pick<Pool, 'query'>;

/** A kind of rows, with its names for people and the message for no rows. */
export type Named = Readonly<{
  kind: NamedKind;
  /** The singular in sentences, such as `agent`. */
  one: string;
  /** The word that is typed after `howdah`. */
  noun: string;
  empty: string;
  /** The column with the name of a row; `name` by default. */
  key?: string;
  /** The path of the rows in REST, and the columns that a table then shows. */
  path?: string;
  columns?: readonly string[];
}>;

const LONGEST_CELL = 60;

/** Creates the verb `list`, which lists the rows of a tenant. */
export function listVerb(named: Named): Verb {
  return {
    name: 'list',
    summary: `list the ${named.one}s`,
    register: (command, io) =>
      withApi(command.option(...TENANT_OPTION), named).action(async ({ tenant }: Options) => {
        const api = await restFor(io, named, command, tenant);
        if (api) return printRest(io, named, await rowsOverRest(api, named));
        await withDatabase(io, async (database) => {
          const items = await forTenant(database, tenant, (client) =>
            listNamed(client, named.kind),
          );
          if (io.json) printJson(io, { items });
          else if (items.length === 0) io.err(named.empty);
          else printTable(io, items.map(shortened));
        });
      }),
  };
}

/** Creates the verb `show NAME`, which prints one row with all its fields. */
export function showVerb(named: Named): Verb {
  return {
    name: 'show',
    summary: `show one ${named.one}`,
    register: (command, io) => {
      withApi(withName(command, named), named).action(async (name: string, { tenant }: Options) => {
        const api = await restFor(io, named, command, tenant);
        if (api) return showRow(io, await oneOverRest(api, named, name));
        await withDatabase(io, async (database) => {
          const row = await forTenant(database, tenant, (client) => oneNamed(client, named, name));
          showRow(io, row);
        });
      });
    },
  };
}

function withApi(command: Command, { path }: Named): Command {
  return path === undefined ? command : command.option(...API_OPTION);
}

function showRow(io: CliIo, row: Row): void {
  if (io.json) printJson(io, row);
  else printFields(io, row);
}

/** Adds the argument and the option that select a row. */
export function withName(command: Command, { one }: Named): Command {
  return command.argument('<name>', `name or id of the ${one}`).option(...TENANT_OPTION);
}

/** Returns the row of this name or id. Throws `HWNTF` with the names that may have been meant. */
export async function oneNamed(client: Client, named: Named, name: string) {
  const found = await findNamed(client, named.kind, name);
  if (found) return found;
  throw unknownName(named, name, await namesOf(client, named.kind));
}

function shortened(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === 'string' ? oneLine(maskUrlKeys(name, value), LONGEST_CELL) : wordOf(value),
    ]),
  );
}

/** Prints each field on a line of its own. Texts of several lines are printed below their name. */
function printFields(io: CliIo, row: Row): void {
  const fields = Object.entries(row).filter(([, value]) => value !== null);
  const width = Math.max(...fields.map(([name]) => name.length));
  for (const [name, value] of fields) {
    const text = textOf(typeof value === 'string' ? maskUrlKeys(name, value) : value);
    const body = text.includes('\n') ? `\n${text.replace(/^/gm, '  ')}` : text;
    io.out(`${paintResult(io, 'dim', name.padEnd(width))}  ${body}`.trimEnd());
  }
}

function textOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'string') return plainText(value);
  return String(wordOf(value, 2));
}

/** Joins names with commas. Formats any deeper value as JSON. */
function wordOf(value: unknown, indent?: number): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  const isListOfNames = Array.isArray(value) && value.every((one) => typeof one === 'string');
  if (isListOfNames) return plainText(value.join(', '));
  return plainText(JSON.stringify(value, null, indent));
}
