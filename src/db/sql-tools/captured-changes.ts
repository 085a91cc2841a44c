import type { LeftOut } from '../../contracts/runs/preview.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { parseLosslessJson } from '../connection/lossless-json.ts';
import { type PoolClient, quoteText } from '../connection/pool.ts';
import { boundQuery } from './sql-sandbox.ts';

/** A table that a call changed, with the rows it replaced or removed as they were, and those it wrote as they are. */
export type TableChange = {
  schema: string;
  name: string;
  /** The columns of its primary key. */
  key: string[];
  /** As Postgres counts them: a row that was written twice counts twice. */
  inserted: number;
  updated: number;
  deleted: number;
  /** Row-level security holds for who called: rows may have been changed that he may not see. */
  has_policies: boolean;
  left_out: LeftOut | null;
  before?: JsonObject[];
  after?: JsonObject[];
};

/** What a call gave and changed, seen from within its transaction, with its own rights. */
export type CapturedChanges = { value: Json; tables: TableChange[]; altered: string[] };

/** Of one table so many rows and bytes are told; one of more bytes is not looked through. */
const BOUNDS = { rows: 1_000, bytes: 1_048_576, scanned: 536_870_912 };

type Found = Omit<CapturedChanges, 'value'> & { results: (string | null)[] };

/** Runs a statement of one column in the sandbox, `$1` being the argument; gives its rows, and what it changed. */
export async function capturingQuery(
  client: PoolClient,
  statement: string,
  argument: string,
  timeoutMs: number,
): Promise<Found> {
  const bounds = quoteText(JSON.stringify(BOUNDS));
  const watching = `select howdah_private.call_with_diff(${quoteText(statement)}, $1, current_setting('search_path'), ${bounds})::text`;
  const [found = null] = await boundQuery(client, watching, argument, timeoutMs);
  return parseLosslessJson(found ?? '{}') as unknown as Found;
}
