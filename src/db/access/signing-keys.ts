import type { SigningKeyRows } from '../../contracts/secret.ts';
import type { Queryable } from '../connection/pool.ts';

/** A signing key to issue: of a webhook, or of callbacks if there is no id. */
export type SigningKeyOf = { webhookId: string | null; rotates: boolean };

/**
 * Returns access to a signing key with the role and tenant of the session. Its statements run in
 * one transaction, which locks the webhook.
 */
export function signingKeyRowsOn(
  client: Queryable,
  tenantId: string,
  { webhookId, rotates }: SigningKeyOf,
): SigningKeyRows {
  return {
    async name() {
      const text = 'select howdah_private.signing_key_name($1, $2) as name';
      return (await client.query(text, [webhookId, rotates])).rows[0].name;
    },
    async put(secret, { fingerprint, last_four }) {
      const text = 'select howdah_private.put_signing_key($1, $2, $3, $4, $5) as id';
      const values = [JSON.stringify(secret), fingerprint, last_four, webhookId, rotates];
      return (await client.query(text, values)).rows[0]?.id;
    },
    async names() {
      const text = 'select howdah_private.signing_secrets($1, $2) as names';
      return (await client.query(text, [tenantId, webhookId])).rows[0].names ?? [];
    },
  };
}

/** Returns access to the key of a webhook, or of callbacks, for a worker that finds none. */
export function missingSigningKeyOn(
  client: Queryable,
  tenantId: string,
  webhookId: string | null,
): SigningKeyRows {
  return {
    async name() {
      const text = 'select howdah_private.fresh_signing_key($1, $2) as name';
      return (await client.query(text, [tenantId, webhookId])).rows[0].name;
    },
    async put(secret, { fingerprint, last_four }) {
      const text = 'select howdah_private.keep_signing_key($1, $2, $3, $4) as id';
      const values = [JSON.stringify(secret), fingerprint, last_four, webhookId];
      return (await client.query(text, values)).rows[0]?.id;
    },
    async names() {
      const text = 'select howdah_private.delivery_secrets($1, $2) as names';
      return (await client.query(text, [tenantId, webhookId])).rows[0].names ?? [];
    },
  };
}
