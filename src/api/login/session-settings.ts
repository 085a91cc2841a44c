import { type Connector, inTransaction, type PoolClient } from '../../db/connection/pool.ts';
import type { Identity } from './auth-result.ts';

/**
 * As whom the statements of a request run: set within each of its transactions only, so that a connection carries
 * nothing over to the next request. The role of a token is none of the database's; `howdah.permissions` knows it.
 */
export function settingsFor(
  { tenantId, userId, role, scopes = [], apiKeyId = '' }: Identity,
  door: string,
  address = 'unknown',
): Record<string, string> {
  return {
    role: 'howdah_app',
    'howdah.tenant_id': tenantId,
    'howdah.user_id': userId ?? '',
    'howdah.role': role,
    'howdah.scopes': scopes.join(','),
    'howdah.api_key_id': apiKeyId,
    'howdah.client': `${door} ${address.replace(/^::ffff:/, '')}`,
    statement_timeout: '5000',
  };
}

/** One transaction with these settings. */
export function inTransactionAs<T>(
  pool: Connector,
  settings: Readonly<Record<string, string>>,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  return inTransaction(pool, async (client) => {
    await client.query(
      'select set_config(s.name, s.value, true) from unnest($1::text[], $2::text[]) as s (name, value)',
      [Object.keys(settings), Object.values(settings)],
    );
    return work(client);
  });
}
