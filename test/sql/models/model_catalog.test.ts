import type { PoolClient } from 'pg';
import type { NoticeMessage } from 'pg-protocol/dist/messages.js';
import { beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { reportUsable } from '../../support/usable-providers.ts';
import { all, type Db, makeTenant, one, refusedInside, takeRole } from '../support.ts';

const database = testDatabase();
let tenant: string;
beforeEach(async () => {
  tenant = await makeTenant(database.pool);
  await reportUsable(database.pool, 'anthropic', 'google', 'groq', 'openai', 'xai');
});

/** Runs `work` in the tenant as an admin, and rolls back. */
async function asAdmin(work: (db: PoolClient) => Promise<void>): Promise<void> {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant, 'howdah.role': 'admin' });
    await work(client);
  } finally {
    await client.query('rollback');
    client.release();
  }
}

const COLUMNS = `model, input_price::float8, output_price::float8, cached_input_price::float8,
  cache_write_price::float8, unit_price::float8, price_unit, context_tokens, capabilities,
  prices_from`;

function insertModel(db: Db, columns: Record<string, unknown>) {
  const row = { name: 'm', ...columns };
  const names = Object.keys(row);
  return one(
    db,
    `insert into howdah.models (${names.join(', ')})
     values (${names.map((_, at) => `$${at + 1}`).join(', ')}) returning ${COLUMNS}`,
    Object.values(row),
  );
}

const updateModel = (db: Db, assignments: string) =>
  one(db, `update howdah.models set ${assignments} where name = 'm' returning ${COLUMNS}`);

const CATALOG = expect.stringMatching(/^catalog \d{4}-\d\d-\d\d$/);
const SONNET_45 = {
  model: 'claude-sonnet-4-5',
  input_price: 3,
  output_price: 15,
  cached_input_price: 0.3,
  cache_write_price: 3.75,
  context_tokens: 200_000,
  capabilities: { images: true },
  prices_from: CATALOG,
};
const UNKNOWN = { input_price: null, output_price: null, context_tokens: null, prices_from: null };

describe('a model without prices takes them from the catalogue', () => {
  test.each([
    ['by its id', 'anthropic', 'claude-sonnet-4-5', {}],
    ['by its id behind the provider', 'anthropic', 'anthropic/claude-sonnet-4-5', {}],
    [
      'at the address of its vendor',
      'anthropic',
      'claude-sonnet-4-5',
      {
        base_url: 'https://api.anthropic.com/v1/',
      },
    ],
  ])('%s', async (_, provider, model, more) => {
    await asAdmin(async (db) => {
      expect(await insertModel(db, { provider, model, ...more })).toMatchObject(SONNET_45);
    });
  });

  test('by an id with a date, which stays', async () => {
    await asAdmin(async (db) => {
      const model = 'claude-sonnet-4-5-20250929';
      const row = await insertModel(db, { provider: 'anthropic', model });
      expect(row).toMatchObject({ ...SONNET_45, model });
    });
  });

  test('by the price of a unit', async () => {
    await asAdmin(async (db) => {
      const whisper = { provider: 'openai', model: 'whisper-1', purpose: 'stt' };
      expect(await insertModel(db, whisper)).toMatchObject({
        input_price: null,
        unit_price: 0.006,
        price_unit: 'minute',
        prices_from: CATALOG,
      });
    });
  });

  test.each([
    ['anthropic', 'sonnet', 'claude-sonnet-5'],
    ['google', 'gemini-flash', 'gemini-3.8-flash'],
    ['xai', 'grok', 'grok-4.6'],
    ['groq', 'groq/openai/gpt-oss-120b', 'openai/gpt-oss-120b'],
  ])('an alias of %s: %s', async (provider, alias, model) => {
    await asAdmin(async (db) => {
      expect(await insertModel(db, { provider, model: alias })).toMatchObject({
        model,
        prices_from: CATALOG,
      });
    });
  });

  test.each([
    ['an alias of another vendor', 'openai', 'sonnet', {}],
    ['an unknown model', 'openai', 'openai/gpt-99', {}],
    ['a model of a router behind its own name', 'groq', 'groq/compound', {}],
    [
      'a model at another address',
      'openai',
      'gpt-5-mini',
      {
        base_url: 'https://proxy.example.org/v1',
      },
    ],
    ['a model with this name of another provider', 'local', 'gpt-5-mini', {}],
  ])('not %s', async (_, provider, model, more) => {
    await asAdmin(async (db) => {
      expect(await insertModel(db, { provider, model, ...more })).toMatchObject({
        ...UNKNOWN,
        model,
      });
    });
  });

  test('a model that follows the environment takes them too', async () => {
    const client = await database.pool.connect();
    try {
      await client.query('begin');
      await client.query(`select howdah_private.sync_default_model('openai', 'gpt-5-mini')`);
      const row = await one(
        client,
        `select ${COLUMNS} from howdah.models where tenant_id = $1 and name = 'default'`,
        [tenant],
      );
      expect(row).toMatchObject({ input_price: 0.25, output_price: 2, prices_from: CATALOG });
    } finally {
      await client.query('rollback');
      client.release();
    }
  });
});

describe('what a person writes', () => {
  test('prices are not replaced, and then no price comes from the catalogue', async () => {
    await asAdmin(async (db) => {
      const row = await insertModel(db, {
        provider: 'openai',
        model: 'gpt-5-mini',
        output_price: 9,
      });
      expect(row).toMatchObject({ input_price: null, output_price: 9, prices_from: null });
      expect(await updateModel(db, `model = 'gpt-5-nano'`)).toMatchObject({
        input_price: null,
        output_price: 9,
      });
    });
  });

  test('a notice says that prices were set for another model, and how to take new ones', async () => {
    await asAdmin(async (db) => {
      const notices: NoticeMessage[] = [];
      db.on('notice', (notice) => notices.push(notice));
      await insertModel(db, { provider: 'openai', model: 'gpt-5-mini', output_price: 9 });
      await updateModel(db, `model = 'gpt-5-nano', output_price = 8`);
      await updateModel(db, `model = 'unknown'`);
      expect(notices).toEqual([]);
      await updateModel(db, `model = 'gpt-5-mini'`);
      expect(notices).toMatchObject([
        { message: 'model m keeps the prices that were set for unknown' },
      ]);
      const row = await updateModel(db, 'output_price = null');
      expect(row).toMatchObject({ output_price: 2, prices_from: CATALOG });
    });
  });

  test('prices do not outlive the model that the environment named', async () => {
    const client = await database.pool.connect();
    const priceOf = (name: string) =>
      one(client, `select ${COLUMNS} from howdah.models where tenant_id = $1 and name = $2`, [
        tenant,
        name,
      ]);
    const describeModels = (model: string, position: number) =>
      client.query('select howdah_private.sync_environment_models($1, $2)', [
        tenant,
        JSON.stringify([
          {
            ...{ name: 'env', purpose: 'llm', provider: 'openai', model, base_url: null },
            ...{ secret_name: null, request_params: {}, fallback_position: position },
          },
        ]),
      ]);
    try {
      await client.query('begin');
      await client.query(`select howdah_private.sync_default_model('openai', 'gpt-5-mini')`);
      await describeModels('gpt-5-mini', 1);
      await client.query(
        `update howdah.models set output_price = 9 where tenant_id = $1 and name in ('default', 'env')`,
        [tenant],
      );
      await describeModels('gpt-5-mini', 2); // another position, the same model
      for (const name of ['default', 'env']) {
        expect(await priceOf(name)).toMatchObject({ output_price: 9, prices_from: null });
      }
      await client.query(
        `select howdah_private.sync_default_model('anthropic', 'claude-sonnet-4-5')`,
      );
      await describeModels('gpt-5-nano', 2);
      expect(await priceOf('default')).toMatchObject(SONNET_45);
      expect(await priceOf('env')).toMatchObject({ output_price: 0.4, prices_from: CATALOG });
    } finally {
      await client.query('rollback');
      client.release();
    }
  });

  test('a price written later ends the use of the catalogue', async () => {
    await asAdmin(async (db) => {
      await insertModel(db, { provider: 'openai', model: 'gpt-5-mini' });
      const row = await updateModel(db, 'input_price = 7');
      expect(row).toMatchObject({ input_price: 7, output_price: 2, prices_from: null });
    });
  });

  test('without prices again, the model returns to the catalogue', async () => {
    await asAdmin(async (db) => {
      await insertModel(db, { provider: 'openai', model: 'gpt-5-mini', input_price: 7 });
      const row = await updateModel(db, 'input_price = null');
      expect(row).toMatchObject({ input_price: 0.25, output_price: 2, prices_from: CATALOG });
    });
  });

  test('context and capabilities take precedence', async () => {
    await asAdmin(async (db) => {
      const row = await insertModel(db, {
        provider: 'openai',
        model: 'gpt-5-mini',
        context_tokens: 5_000,
        capabilities: { images: false },
      });
      expect(row).toMatchObject({
        input_price: 0.25,
        context_tokens: 5_000,
        capabilities: { images: false },
      });
    });
  });

  test('prices_from is not written by tenants', async () => {
    await asAdmin(async (db) => {
      const text = `update howdah.models set prices_from = 'me' where name = 'default'`;
      expect(await refusedInside(db, text)).toMatchObject({ code: '42501' });
    });
  });
});

describe('another model, provider or address', () => {
  test.each([
    [`model = 'gpt-5-nano'`, { input_price: 0.05, output_price: 0.4, prices_from: CATALOG }],
    [`model = 'mine'`, { ...UNKNOWN, capabilities: { own: 1 } }],
    [`base_url = 'https://proxy.example.org/v1'`, { ...UNKNOWN, capabilities: { own: 1 } }],
    [`provider = 'local'`, { ...UNKNOWN, capabilities: { own: 1 } }],
    [
      `model = 'mine', input_price = 7`,
      { ...UNKNOWN, input_price: 7, output_price: 2, capabilities: { own: 1 } },
    ],
    [`name = 'm'`, { input_price: 0.25, prices_from: CATALOG }],
  ])('after %s', async (assignment, expected) => {
    await asAdmin(async (db) => {
      await insertModel(db, {
        provider: 'openai',
        model: 'gpt-5-mini',
        capabilities: { own: 1 },
      });
      expect(await updateModel(db, assignment)).toMatchObject(expected);
    });
  });
});

test('the view lists known models with their aliases for analysts as well', async () => {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await takeRole(client, 'howdah_analyst', { 'howdah.tenant_id': tenant });
    const rows = await all(
      client,
      `select vendor, name, purpose, aliases, input_price::float8, as_of::text, input_modalities
       from howdah.model_catalog where name in ('claude-sonnet-5', 'text-embedding-3-small')
       order by vendor, name`,
    );
    expect(rows).toMatchObject([
      {
        vendor: 'anthropic',
        name: 'claude-sonnet-5',
        aliases: ['claude', 'claude-sonnet', 'sonnet', 'sonnet5'],
        input_modalities: ['text', 'image'],
      },
      { vendor: 'azure', name: 'text-embedding-3-small' },
      { vendor: 'openai', purpose: 'embedding', input_price: 0.02, aliases: [] },
    ]);
  } finally {
    await client.query('rollback');
    client.release();
  }
});

describe('a server at OPENAI_BASE_URL', () => {
  const report = (db: Db, host: string, has_address: boolean) =>
    db.query(`select howdah_private.report_providers($1, $2)`, [
      host,
      JSON.stringify([{ provider: 'openai', has_package: false, has_key: true, has_address }]),
    ]);
  const priceOf = async (db: Db) => {
    const { rows } = await db.query(`select prices_from from howdah.models where name = 'm'`);
    return rows[0].prices_from;
  };

  /**
   * Runs `work` as the owner of the database, in a tenant with a model of OpenAI, and rolls back.
   */
  const withModel = (work: (db: Db) => Promise<void>) =>
    asAdmin(async (db) => {
      await insertModel(db, { provider: 'openai', model: 'gpt-5-mini' });
      await db.query('reset role');
      await work(db);
    });

  test('removes known prices, and restores them when it is unset', async () => {
    await withModel(async (db) => {
      expect(await priceOf(db)).toEqual(CATALOG);
      await report(db, 'gateway', true);
      expect(await priceOf(db)).toBeNull();
      await report(db, 'gateway', false);
      expect(await priceOf(db)).toEqual(CATALOG);
    });
  });

  test('of a command changes no prices', async () => {
    await withModel(async (db) => {
      await report(db, 'laptop/cli', true);
      expect(await priceOf(db)).toEqual(CATALOG);
    });
  });
});

test.each([
  ['anthropic', 'sonet', 'Did you mean sonnet?'],
  ['google', 'gemini-2.5-flahs', 'Did you mean gemini-2.5-flash?'],
  ['anthropic', 'sonnet', undefined],
  ['anthropic', 'claude-sonnet-4-5-20250929', undefined],
  ['openai', 'gpt-99', undefined], // a newer version
  ['openai', 'something-else', undefined],
  ['groq', 'qwen/qwen3-32', undefined], // the catalogue has few of its models
])('the model %s/%s is reported if it resembles a known one', async (provider, model, hint) => {
  await asAdmin(async (db) => {
    const hints: (string | undefined)[] = [];
    const note = (notice: { hint?: string | undefined }) => hints.push(notice.hint);
    db.on('notice', note);
    await insertModel(db, { provider, model });
    db.off('notice', note);
    expect(hints).toEqual(hint === undefined ? [] : [hint]);
  });
});
