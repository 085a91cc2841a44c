import type { OmittedRows } from '../../contracts/runs/preview.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { type PoolClient, quoteText } from '../connection/pool.ts';
import { boundQuery } from './sql-sandbox.ts';

/**
 * A table that a call changed. `before` has the replaced or removed rows in their old state, and
 * `after` has the written rows in their new state.
 */
export type TableChange = {
  schema: string;
  name: string;
  /** The columns of its primary key. */
  key: string[];
  /** The counts of Postgres. A row that was written twice counts twice. */
  inserted: number;
  updated: number;
  deleted: number;
  /**
   * True if row-level security applies to the caller. The call may have changed rows that the
   * caller may not see.
   */
  has_policies: boolean;
  left_out: OmittedRows | null;
  before?: JsonObject[];
  after?: JsonObject[];
};

/** The result and the changes of a call, read within its transaction and with its own rights. */
export type CapturedChanges = { value: Json; tables: TableChange[]; altered: string[] };

/**
 * The maximum number of rows and bytes that are reported of one table. A table of more than
 * `scanned` bytes is not read.
 */
const BOUNDS = { rows: 1_000, bytes: 1_048_576, scanned: 536_870_912 };

type Found = Omit<CapturedChanges, 'value'> & { results: (string | null)[] };

/**
 * Runs a statement of one column in the sandbox, with the argument as `$1`. Returns its rows and
 * its changes.
 */
export async function capturingQuery(
  client: PoolClient,
  statement: string,
  argument: string,
  timeoutMs: number,
): Promise<Found> {
  const bounds = quoteText(JSON.stringify(BOUNDS));
  const watching = `select howdah_private.call_with_diff(${quoteText(statement)}, $1, current_setting('search_path'), ${bounds})::text`;
  const [found = null] = await boundQuery(client, watching, argument, timeoutMs);
  return parseJson(found ?? '{}') as unknown as Found;
}
