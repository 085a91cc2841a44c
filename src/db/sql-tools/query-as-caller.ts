import type { Rows } from '../../contracts/bounded-read.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { Connector, PoolClient } from '../connection/pool.ts';
import type { ReadQuery } from '../query-analysis/parse.ts';
import { readInSandbox, type UnboundRequest } from './bounded-read.ts';

/** The settings of a transaction that acts for a person. */
export type CallerSettings = Readonly<Record<string, string>>;

/**
 * Runs a SELECT that a person wrote, on a connection that has the role of the API. The query has
 * the rows that the person may see, in every schema that howdah_analyst may read. `settings` name
 * the person.
 */
export function queryAsCaller(
  connections: Connector,
  settings: CallerSettings,
  request: UnboundRequest,
  parsed: ReadQuery,
  onLoss: (processId: number) => void,
): Promise<Outcome<Rows>> {
  const enter = (client: PoolClient) => bindToCaller(client, settings, request.limits.timeoutMs);
  return readInSandbox(connections, request, parsed, { enter, onLoss });
}

/** Binds the transaction to a person. Only the role of the API may do this. */
async function bindToCaller(
  client: PoolClient,
  { role: _, ...settings }: CallerSettings,
  timeoutMs: number,
): Promise<void> {
  await client.query(
    'select set_config(s.name, s.value, true) from unnest($1::text[], $2::text[]) as s (name, value)',
    [Object.keys(settings), Object.values(settings)],
  );
  await client.query(
    `select set_config('howdah.bound', howdah_private.caller_binding(), true),
       set_config('statement_timeout', $1, true), set_config('role', 'howdah_reader', true)`,
    [String(timeoutMs)],
  );
}
