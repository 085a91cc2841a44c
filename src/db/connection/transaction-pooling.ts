import pg, { type PoolClient } from 'pg';

type Query = (input: QueryInput, ...rest: unknown[]) => unknown;
type QueryInput = string | { text?: string; name?: string };

/**
 * Prepares a connection for a pooler in transaction mode, where the next transaction has another
 * session. Each `begin` also sends the settings, for that transaction only and in the same round
 * trip. No statement is prepared under a name.
 */
export function useTransactionPooling(
  client: PoolClient,
  settings: Readonly<Record<string, string>>,
): void {
  const setLocal = Object.entries(settings).map(
    ([name, value]) => `; set local ${pg.escapeIdentifier(name)} = ${pg.escapeLiteral(value)}`,
  );
  const query = client.query.bind(client) as Query;
  const pooledQuery: Query = (input, ...rest) => {
    const text = typeof input === 'string' ? input : input.text;
    if (text === 'begin') return query(`begin${setLocal.join('')}`, ...rest);
    if (typeof input === 'string' || input.name === undefined) return query(input, ...rest);
    const { name: _, ...unnamed } = input;
    return query(unnamed, ...rest);
  };
  client.query = pooledQuery as PoolClient['query'];
}
