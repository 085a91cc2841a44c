import { beforeAll, expect, test } from 'vitest';
import { putSecretOn, secretRowsOn } from '../../../src/db/access/secrets.ts';
import { createSecretWriter } from '../../../src/secrets/writer.ts';
import { verifyRequest } from '../../../src/tools/webhooks/verify.ts';
import { one, refusal, unique } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { masterKeys } from './support.ts';

const db = testDatabase();
let tenant: string;

beforeAll(async () => {
  ({ tenant } = await one(db.pool, 'select howdah.current_tenant() as tenant'));
});

async function store(value: string, name = unique('secret')): Promise<string> {
  const { set } = createSecretWriter(secretRowsOn(db.pool), masterKeys);
  await set(tenant, name, value, putSecretOn(db.pool, tenant));
  return name;
}

const makeHook = (verification: string, secret: string, previous: string | null = null) =>
  db.pool.query(
    `insert into howdah.inbound_hooks (name, verification, secret_name, previous_secret_name, agent_id)
     values ($1, $2, $3, $4, howdah.agent('development'))`,
    [unique('hook'), verification, secret, previous],
  );
const makeWebhook = (secret: string) =>
  db.pool.query(
    `insert into howdah.webhooks (url, secret_name) values ('https://example.com/', $1)`,
    [secret],
  );
const tooShort = (secret: string) => ({
  code: 'HWINV',
  fields: expect.objectContaining({ secret, min_bytes: expect.any(Number) }),
});

test.each(['github', 'stripe', 'slack', 'shared_secret'])(
  'a hook of %s has a secret of at least 16 bytes, and so has its previous one',
  async (verification) => {
    for (const value of ['x', 'x'.repeat(15)]) {
      const short = await store(value);
      expect(await refusal(makeHook(verification, short))).toMatchObject(tooShort(short));
      const enough = await store('x'.repeat(16));
      expect(await refusal(makeHook(verification, enough, short))).toMatchObject(tooShort(short));
      await makeHook(verification, enough);
      expect(await refusal(store('y', enough))).toMatchObject(tooShort(enough));
    }
  },
);

test('a signing key of Standard Webhooks has a key of 16 bytes', async () => {
  const short = await store('x'.repeat(27));
  expect(await refusal(makeHook('standard_webhooks', short))).toMatchObject(tooShort(short));
  expect(await refusal(makeWebhook(short))).toMatchObject(tooShort(short));
  for (const key of ['', 'AAAA', Buffer.alloc(15, 1).toString('base64')]) {
    expect(await refusal(store(`whsec_${key}`))).toMatchObject({ code: 'HWINV' });
  }
  const enough = await store(`whsec_${Buffer.alloc(16, 1).toString('base64')}`);
  await makeHook('standard_webhooks', enough);
  await makeWebhook(enough);
});

test('a hook cannot change to a format for which its secret is too short', async () => {
  const secret = await store('x'.repeat(20));
  await makeHook('github', secret);
  const change = db.pool.query(
    `update howdah.inbound_hooks set verification = 'standard_webhooks' where secret_name = $1`,
    [secret],
  );
  expect(await refusal(change)).toMatchObject(tooShort(secret));
});

test('a short secret that was stored before verifies nothing', () => {
  const request = { headers: { authorization: 'Bearer x' }, body: Buffer.from(''), at: new Date() };
  expect(verifyRequest('shared_secret', request, [{ name: 'old', value: 'x' }])).toMatchObject({
    ok: false,
    fault: 'unusable_secret',
  });
});
