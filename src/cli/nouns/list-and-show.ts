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

/** What people call a kind of rows, and what to do when there are none. */
export type Named = Readonly<{
  kind: NamedKind;
  /** `agent`, in sentences. */
  one: string;
  /** As it is typed behind `howdah`. */
  noun: string;
  empty: string;
  /** What they are called by; `name` when left out. */
  key?: string;
  /** Where REST has them, and what of them a table shows then. */
  path?: string;
  columns?: readonly string[];
}>;

const LONGEST_CELL = 60;

/** `list`: the rows of a tenant. */
export function listVerb(named: Named): Verb {
  return {
    name: 'list',
    summary: `the ${named.one}s there are`,
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

/** `show NAME`: one of them, with all that is told of it. */
export function showVerb(named: Named): Verb {
  return {
    name: 'show',
    summary: `one ${named.one} as it is`,
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

/** A verb's argument and option to say which. */
export function withName(command: Command, { one }: Named): Command {
  return command.argument('<name>', `the ${one}, by its name or id`).option(...TENANT_OPTION);
}

/** The row of this name or id. Throws `HWNTF`, saying what may have been meant. */
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

/** Each field on a line of its own; texts of several lines below their name. */
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

/** Names with commas between them, anything deeper as JSON. */
function wordOf(value: unknown, indent?: number): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  const isListOfNames = Array.isArray(value) && value.every((one) => typeof one === 'string');
  if (isListOfNames) return plainText(value.join(', '));
  return plainText(JSON.stringify(value, null, indent));
}
