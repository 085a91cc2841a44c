import { type Connector, inTransaction, type PoolClient } from '../../db/connection/pool.ts';
import type { Identity } from './auth-result.ts';

/**
 * Returns the settings that define the caller of statements. They are set only within each
 * transaction of a request, so that a connection carries nothing over to the next request. The role
 * of a token is not a role of the database; `howdah.permissions` defines it.
 */
export function settingsFor(
  {
    tenantId,
    userId,
    role,
    scopes = [],
    apiKeyId = '',
    ownsMachine,
    isWithoutLogin,
    causedBy = '',
  }: Identity,
  endpoint: string,
  address = 'unknown',
): Record<string, string> {
  return {
    role: 'howdah_app',
    'howdah.tenant_id': tenantId,
    'howdah.user_id': userId ?? '',
    'howdah.role': role,
    'howdah.scopes': scopes.join(','),
    'howdah.api_key_id': apiKeyId,
    'howdah.owns_machine': ownsMachine ? 'on' : '',
    'howdah.without_login': isWithoutLogin ? 'on' : '',
    'howdah.caused_by': causedBy,
    'howdah.client': `${endpoint} ${address.replace(/^::ffff:/, '')}`,
    statement_timeout: '5000',
  };
}

/** Runs work in one transaction with these settings. */
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
