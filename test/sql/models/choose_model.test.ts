import { beforeEach, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, type Db, makeTenant, one, refusedInside, takeRole } from '../support.ts';

const database = testDatabase();
let tenant: string;
beforeEach(async () => {
  tenant = await makeTenant(database.pool);
});

/** Runs `work` as a member of a tenant with models of several purposes and domains. */
async function inTenant(work: (db: Db) => Promise<void>): Promise<void> {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await client.query(
      `insert into howdah.models (tenant_id, name, provider, model, purpose, domain, capabilities,
         fallback_position, created_at)
       values ($1, 'old', 'local', 'm', 'llm', null, '{"images": true}', null, '2026-01-01Z'),
         ($1, 'second', 'local', 'm', 'llm', null, '{}', 2, '2026-01-05Z'),
         ($1, 'first', 'local', 'm', 'llm', null, '{"images": true}', 1, '2026-01-06Z'),
         ($1, 'ledger', 'local', 'm', 'llm', 'finance', '{"tools": true}', null, '2026-01-07Z'),
         ($1, 'agent-01a20a86-7970-75b5-aa21-77698575f4cf-llm', 'local', 'm', 'llm', null, '{}',
           null, '2025-01-01'),
         ($1, 'vectors', 'local', 'm', 'embedding', null, '{}', null, '2026-01-08Z'),
         ($1, 'older_vectors', 'local', 'm', 'embedding', null, '{}', null, '2026-01-02Z'),
         ($1, 'law', 'local', 'm', 'embedding', 'law', '{}', null, '2025-01-01')`,
      [tenant],
    );
    await takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant, 'howdah.role': 'member' });
    await work(client);
  } finally {
    await client.query('rollback');
    client.release();
  }
}

test.each([
  [`'llm'`, 'default'],
  [`'chat'`, 'default'],
  [`'chat', capabilities => '{"images": true}'`, 'first'],
  [`'chat', null, '{"tools": true}'`, 'ledger'],
  [`domain => 'finance', purpose => 'chat'`, 'ledger'],
  [`'chat', 'medicine'`, 'default'],
  [`'embedding'`, 'older_vectors'],
  [`'embedding', 'law'`, 'law'],
  [`'embedding', 'finance'`, 'older_vectors'],
])('howdah.model(%s) chooses %s', async (args, name) => {
  await inTenant(async (db) => {
    const row = await one(
      db,
      `select m.name from howdah.models as m where m.id = howdah.model(${args})`,
    );
    expect(row).toEqual({ name });
  });
});

test('explain_model lists the candidates in order, with the reason of each', async () => {
  await inTenant(async (db) => {
    const rows = await all(
      db,
      `select e.rank, e.model, e.reason from howdah.explain_model('chat', 'finance') as e`,
    );
    expect(rows).toEqual([
      { rank: 1, model: 'ledger', reason: 'is for the domain finance, was created on 2026-01-07' },
      { rank: 2, model: 'default', reason: 'is for any domain, is the model named default' },
      { rank: 3, model: 'first', reason: 'is for any domain, is number 1 of the fallbacks' },
      { rank: 4, model: 'second', reason: 'is for any domain, is number 2 of the fallbacks' },
      { rank: 5, model: 'old', reason: 'is for any domain, was created on 2026-01-01' },
    ]);
  });
});

test.each([
  [`'image'`, 'HWNTF', /no model with the purpose 'image'$/],
  [
    `'embedding', 'law', '{"images": true}'`,
    'HWNTF',
    /the purpose 'embedding' for the domain 'law' /,
  ],
  [`'finance', 'chat'`, 'HWINV', /there is no purpose 'finance'/],
  ['null', 'HWNTF', /no model with the purpose NULL$/],
])('howdah.model(%s) is refused with %s', async (args, code, message) => {
  await inTenant(async (db) => {
    expect(await refusedInside(db, `select howdah.model(${args})`)).toMatchObject({
      code,
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
  });
});

test.each(['tts', 'stt'])(
  'without a model for %s the hint names its variables',
  async (purpose) => {
    await inTenant(async (db) => {
      expect(await refusedInside(db, `select howdah.model('${purpose}')`)).toMatchObject({
        hint: expect.stringContaining(
          `If ${purpose.toUpperCase()}_* variables of the environment describe it, howdah doctor says`,
        ),
      });
    });
  },
);

test('models of other tenants are not chosen', async () => {
  await inTenant(async (db) => {
    await db.query('reset role');
    const other = await makeTenant(database.pool);
    await takeRole(db, 'howdah_app', { 'howdah.tenant_id': other, 'howdah.role': 'member' });
    expect(await refusedInside(db, `select howdah.model('embedding')`)).toMatchObject({
      code: 'HWNTF',
    });
  });
});
