import pg, { type PoolClient } from 'pg';

type Query = (asked: Asked, ...rest: unknown[]) => unknown;
type Asked = string | { text?: string; name?: string };

/**
 * Makes a connection fit for a pooler in transaction mode, where the next transaction has another session. Each `begin` says
 * the settings, for that transaction alone and in the same round trip; no statement is prepared under a name.
 */
export function useTransactionPooling(
  client: PoolClient,
  settings: Readonly<Record<string, string>>,
): void {
  const said = Object.entries(settings).map(
    ([name, value]) => `; set local ${pg.escapeIdentifier(name)} = ${pg.escapeLiteral(value)}`,
  );
  const query = client.query.bind(client) as Query;
  const kept: Query = (asked, ...rest) => {
    const text = typeof asked === 'string' ? asked : asked.text;
    if (text === 'begin') return query(`begin${said.join('')}`, ...rest);
    if (typeof asked === 'string' || asked.name === undefined) return query(asked, ...rest);
    const { name: _, ...unnamed } = asked;
    return query(unnamed, ...rest);
  };
  client.query = kept as PoolClient['query'];
}
