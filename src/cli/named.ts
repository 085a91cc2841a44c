import type { Command } from 'commander';
import { HowdahError } from '../contracts/errors.ts';
import { findNamed, listNamed, type NamedKind, namesOf } from '../db/named-rows.ts';
import type { Pool } from '../db/pool.ts';
import { nearestNames } from '../runtime/nearest-names.ts';
import { withDatabase } from './database.ts';
import { type CliIo, paintResult, printJson, printTable } from './output.ts';
import { oneLine, plainText } from './plain-text.ts';
import { forTenant, listed, TENANT_OPTION } from './tenants.ts';
import type { Verb } from './verbs.ts';

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
}>;

const LONGEST_CELL = 60;

/** `list`: the rows of a tenant. */
export function listVerb(named: Named): Verb {
  return {
    name: 'list',
    summary: `the ${named.one}s there are`,
    register: (command, io) =>
      command.option(...TENANT_OPTION).action(async ({ tenant }: { tenant?: string }) => {
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
      withName(command, named).action(async (name: string, { tenant }: { tenant?: string }) => {
        await withDatabase(io, async (database) => {
          const row = await forTenant(database, tenant, (client) => oneNamed(client, named, name));
          if (io.json) printJson(io, row);
          else printFields(io, row);
        });
      });
    },
  };
}

/** A verb's argument and option to say which. */
export function withName(command: Command, { one }: Named): Command {
  return command.argument('<name>', `the ${one}, by its name or id`).option(...TENANT_OPTION);
}

/** The row of this name or id. Throws `HWNTF`, saying what may have been meant. */
export async function oneNamed(client: Client, named: Named, name: string) {
  const found = await findNamed(client, named.kind, name);
  if (found) return found;
  const names = await namesOf(client, named.kind);
  const near = nearestNames(name, names);
  const meant = near.length > 0 ? `Did you mean ${listed(near)}? ` : '';
  throw new HowdahError('HWNTF', `there is no ${named.one} '${name}'`, {
    hint: `${meant}List them: howdah ${named.noun} list`,
    detail: { [named.kind]: name },
  });
}

function shortened(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === 'string' ? oneLine(value, LONGEST_CELL) : wordOf(value),
    ]),
  );
}

/** Each field on a line of its own; texts of several lines below their name. */
function printFields(io: CliIo, row: Row): void {
  const fields = Object.entries(row).filter(([, value]) => value !== null);
  const width = Math.max(...fields.map(([name]) => name.length));
  for (const [name, value] of fields) {
    const text = textOf(value);
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
