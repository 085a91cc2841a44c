import type { Command } from 'commander';
import type { Json } from '../../json/json.ts';
import type { Named } from '../nouns/list-and-show.ts';
import { type CliIo, printJson, printTable } from '../output/output.ts';
import { maskUrlKeys, oneLine } from '../output/terminal-text.ts';
import { type Api, apiFor, tenantOverApi } from './connect.ts';
import { unknownName } from './definitions.ts';

/** A row as REST returns it. */
export type RestRow = Readonly<Record<string, unknown>> & { id: string };
type Page = { data: RestRow[]; next: string | null };

const PAGE = 1_000;
const LONGEST_CELL = 60;

/**
 * Returns the server to use for a noun, if the command uses a server. The key decides the tenant of
 * the rows.
 */
export async function restFor(
  io: CliIo,
  { path }: Named,
  self: Command,
  tenant: string | undefined,
): Promise<Api | undefined> {
  const api = path === undefined ? undefined : await apiFor(io, self);
  if (api && tenant !== undefined) throw tenantOverApi();
  return api;
}

/** Reads all rows, or the rows that match `query`, sorted by name. */
export async function rowsOverRest(
  api: Api,
  { path, key = 'name' }: Named,
  query: Record<string, string> = {},
): Promise<RestRow[]> {
  const rows: RestRow[] = [];
  let cursor: string | null = null;
  do {
    const pageQuery = { ...query, limit: String(PAGE), ...(cursor !== null && { cursor }) };
    const answer = await api.request('GET', `${path}?${new URLSearchParams(pageQuery)}`);
    const page = answer as unknown as Page;
    rows.push(...page.data);
    cursor = page.next;
  } while (cursor !== null);
  return rows.toSorted((a, b) => String(a[key]).localeCompare(String(b[key])));
}

/** Returns the row of this name or id. Throws `HWNTF` with the names that may have been meant. */
export async function oneOverRest(api: Api, named: Named, name: string): Promise<RestRow> {
  const { key = 'name', path } = named;
  const [found] = await rowsOverRest(api, named, { [key]: name });
  if (found) return found;
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(name))
    return (await api.request('GET', `${path}/${name.toLowerCase()}`)) as unknown as RestRow;
  const names = (await rowsOverRest(api, named)).map((row) => String(row[key]));
  throw unknownName(named, name, names);
}

/** Creates a row and returns the created row. */
export async function madeOverRest(api: Api, { path }: Named, body: Json): Promise<RestRow> {
  return (await api.request('POST', path ?? '', body)) as unknown as RestRow;
}

/** Prints rows of REST. A table shows only some of their columns. */
export function printRest(
  io: CliIo,
  { columns = [], empty }: Named,
  rows: readonly RestRow[],
): void {
  const shown = rows.map((row) =>
    Object.fromEntries(columns.map((name) => [name, inCell(name, row[name])])),
  );
  if (io.json) printJson(io, { items: rows });
  else if (rows.length === 0) io.err(empty);
  else printTable(io, shown);
}

function inCell(name: string, value: unknown): unknown {
  if (typeof value === 'string') return oneLine(maskUrlKeys(name, value), LONGEST_CELL);
  return Array.isArray(value) ? oneLine(value.join(', '), LONGEST_CELL) : value;
}
