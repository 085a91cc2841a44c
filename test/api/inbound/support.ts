import { createHmac, randomBytes } from 'node:crypto';
import type pg from 'pg';
import type { ApiServer } from '../../../src/api/server.ts';
import { putSecretOn, secretRowsOn } from '../../../src/db/access/secrets.ts';
import { createMasterKeys } from '../../../src/secrets/master-keys.ts';
import { createSecretWriter } from '../../../src/secrets/writer.ts';
import { webhookHeaders } from '../../../src/tools/webhooks/sign.ts';
import { one, unique } from '../../sql/support.ts';
import { call } from '../rest/call.ts';

export const masterKeys = createMasterKeys({ keys: [randomBytes(32)], file: undefined });
export const KEY = Buffer.alloc(32, 3);
/** The secrets of hooks, by their verification. */
export const SECRETS = {
  standard_webhooks: `whsec_${KEY.toString('base64')}`,
  github: 'a secret for GitHub',
  stripe: 'a-secret-for-stripe',
  slack: 'a-secret-for-slack',
  shared_secret: 'a-secret-that-is-shared',
} as const;
export type Format = keyof typeof SECRETS;

/** Stores the secrets of all formats in a tenant, each under the name of its format. */
export async function storeSecrets(pool: pg.Pool, tenant: string): Promise<void> {
  const { set } = createSecretWriter(secretRowsOn(pool), masterKeys);
  for (const [name, value] of Object.entries(SECRETS)) {
    await set(tenant, name, value, putSecretOn(pool, tenant));
  }
}

/** Inserts a hook with the secret of its format. Returns its id and name. */
export async function makeHook(
  pool: pg.Pool,
  format: Format,
  columns: Record<string, unknown>,
): Promise<{ id: string; name: string; path: string }> {
  const row = { name: unique('hook'), verification: format, secret_name: format, ...columns };
  return one(
    pool,
    `insert into howdah.inbound_hooks (${Object.keys(row).join(', ')})
     values (${Object.keys(row).map((_, index) => `$${index + 1}`)})
     returning id, name, howdah.inbound_hooks_path(inbound_hooks) as path`,
    Object.values(row),
  );
}

type Signing = { secret?: string; at?: number; id?: string };
const hex = (secret: string, text: string) =>
  createHmac('sha256', secret).update(text).digest('hex');

/** Returns the headers with which a sender signs a body. */
export function signedHeaders(format: Format, body: string, signing: Signing = {}) {
  const { secret = SECRETS[format], at = Date.now() / 1_000, id = unique('id') } = signing;
  const time = Math.floor(at).toString();
  switch (format) {
    case 'standard_webhooks':
      return Object.fromEntries(
        webhookHeaders({ id, body, at: new Date(at * 1_000) }, [
          secret === SECRETS[format] ? KEY : Buffer.alloc(32, 9),
        ]),
      );
    case 'github':
      return {
        'x-github-delivery': id,
        'x-github-event': 'issues',
        'x-hub-signature-256': `sha256=${hex(secret, body)}`,
      };
    case 'stripe':
      return { 'stripe-signature': `t=${time},v1=${hex(secret, `${time}.${body}`)}` };
    case 'slack':
      return {
        'x-slack-request-timestamp': time,
        'x-slack-signature': `v0=${hex(secret, `v0:${time}:${body}`)}`,
      };
    case 'shared_secret':
      return { authorization: `Bearer ${secret}`, 'idempotency-key': id };
  }
}

/** Sends a signed request to a hook. */
export function send(
  api: ApiServer,
  path: string,
  format: Format,
  contents: unknown,
  signing: Signing & { headers?: Record<string, string> } = {},
) {
  const body = typeof contents === 'string' ? contents : JSON.stringify(contents);
  const { headers = {}, ...how } = signing;
  return call(api, 'POST', path, body, {
    headers: {
      'content-type': 'application/json',
      ...signedHeaders(format, body, how),
      ...headers,
    },
  });
}
