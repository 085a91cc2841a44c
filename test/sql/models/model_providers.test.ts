import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { MODEL_PURPOSES } from '../../../src/contracts/agents/model.ts';
import { findFix, reportProviders } from '../../../src/providers/report.ts';
import { MISSING_PURPOSES, VENDORS } from '../../../src/providers/vendors.ts';
import { testDatabase } from '../../support/database.ts';
import { asRole, type Db, makeTenant, one, refusedInside, rolledBack } from '../support.ts';

const db = testDatabase();

const INSERT = `insert into howdah.models (name, provider, model, base_url, secret_name, purpose)
  values (coalesce($1, gen_random_uuid()::text), $2, 'm', $3, $4, coalesce($5, 'llm')::howdah.model_purpose)
  returning provider, base_url`;
type More = { url?: string; secret?: string; purpose?: string };
const insert = (client: Db, provider: string, { url, secret, purpose }: More = {}) =>
  one(client, INSERT, [null, provider, url ?? null, secret ?? null, purpose ?? null]);
const refused = (client: Db, provider: string, { url, secret, purpose }: More = {}) =>
  refusedInside(client, INSERT, [null, provider, url ?? null, secret ?? null, purpose ?? null]);
const report = (client: Db, host: string, ...rows: [string, boolean, boolean][]) =>
  client.query('select howdah_private.report_providers($1, $2)', [
    host,
    JSON.stringify(
      rows.map(([provider, has_package, has_key]) => ({ provider, has_package, has_key })),
    ),
  ]);

/** Runs `work` as the owner of the database, and rolls back. */
const asOwner = <T>(work: (client: Db) => Promise<T>) => asRole(db.pool, 'none', {}, work);

test('SQL and TypeScript know the same vendors', async () => {
  const { rows } = await db.pool.query('select * from howdah_private.model_vendors()');
  expect(rows.map(({ name, aliases, openai_url }) => ({ name, aliases, openai_url }))).toEqual(
    VENDORS.map(({ name, aliases, openAiUrl }) => ({
      name,
      aliases,
      openai_url: openAiUrl ?? null,
    })),
  );
});

test('SQL and TypeScript know the same purposes', async () => {
  const { purposes } = await one(
    db.pool,
    'select enum_range(null::howdah.model_purpose)::text[] as purposes',
  );
  expect(purposes.toSorted()).toEqual(MODEL_PURPOSES.toSorted());
});

test('SQL and the doctor agree on which purposes a provider has', async () => {
  const url = 'https://gateway.example.com/v1';
  await asOwner(async (client) => {
    for (const provider of ['local', ...VENDORS.map(({ name }) => name), 'llm.example.com']) {
      for (const purpose of MODEL_PURPOSES) {
        await client.query('savepoint attempt');
        const isAccepted = await insert(client, provider, { url, purpose }).then(
          () => true,
          () => false,
        );
        await client.query('rollback to savepoint attempt');
        const settings = { keyedVendors: [], providerPackages: [] };
        const fix = findFix({ provider, base_url: url, secret_name: null, purpose }, settings);
        const found = { provider, purpose, isAccepted };
        expect(found).toEqual({ provider, purpose, isAccepted: fix === null });
      }
    }
  });
});

test('SQL and the doctor agree on which models a host can use', async () => {
  const providerPackages = ['@ai-sdk/openai-compatible'];
  const settings = { keyedVendors: ['groq', 'google', 'deepgram'], providerPackages };
  const packages = ['npm:@acme/models', ...providerPackages.map((name) => `npm:${name}`)];
  const others = ['local', 'scripted', 'openai-compatible', 'vllm', 'opnai', ...packages];
  const misspelt = [
    'groqq.com',
    'gro.com',
    'api.gr0q.com',
    'api.opeanai.com',
    'mistrall.ai',
    'gr.com',
  ];
  const hosts = [
    ...[
      'llm.example.com',
      'llm.example.com:8443',
      'llm.example.com:65535',
      'llm.example.com:65536',
    ],
    ...['foo.bar/v1', 'foo.', '.foo', 'a..b'],
  ];
  const providers = [...VENDORS.map(({ name }) => name), ...others, ...hosts, ...misspelt];
  await asOwner(async (client) => {
    await client.query('select howdah_private.report_providers($1, $2)', [
      'here',
      JSON.stringify(reportProviders(settings)),
    ]);
    for (const provider of providers) {
      for (const url of [null, 'https://gateway.example.com/v1']) {
        await client.query('savepoint attempt');
        const purpose = MISSING_PURPOSES.get(provider)?.includes('llm') ? 'stt' : 'llm';
        const isAccepted = await insert(client, provider, { purpose, ...(url && { url }) }).then(
          () => true,
          () => false,
        );
        await client.query('rollback to savepoint attempt');
        const fix = findFix({ provider, base_url: url, secret_name: null, purpose }, settings);
        expect({ provider, url, isAccepted }).toEqual({ provider, url, isAccepted: fix === null });
      }
    }
  });
});

describe('the provider of a model', () => {
  test.each([
    ['groq.com', 'groq'],
    [' API.OpenAI.com ', 'openai'],
    ['Claude', 'anthropic'],
    ['bedrock', 'amazon-bedrock'],
    ['LLM.Example.com', 'llm.example.com'],
    ['vLLM', 'vllm'],
  ])('%j is stored as %s', async (written, stored) => {
    await asOwner(async (client) => {
      const url = 'https://llm.example.com/v1';
      expect(await insert(client, written, { url })).toEqual({ provider: stored, base_url: url });
    });
  });

  test.each([
    ['groq', 'https://api.groq.com', null],
    ['groq.com', 'https://GROQ.com/', null],
    ['anthropic', 'https://api.anthropic.com', null],
    ['openai', 'https://api.openai.com', 'https://api.openai.com/v1'],
    ['openai-compatible', 'https://api.deepseek.com/', 'https://api.deepseek.com/v1'],
    ['openai', 'https://api.anthropic.com', 'https://api.anthropic.com'],
    ['groq', 'https://api.groq.com/openai/v1', 'https://api.groq.com/openai/v1'],
    ['groq', 'https://gateway.example.com', 'https://gateway.example.com'],
    ['groq', 'http://api.groq.com', 'http://api.groq.com'],
    ['google', 'https://gemini', 'https://gemini'], // a host of a private network
    ['ollama', 'https://ollama.local', 'https://ollama.local'],
  ])('%s at %s is stored with the address %s', async (provider, url, stored) => {
    await asOwner(async (client) => {
      await report(client, 'a', ['groq', true, true], ['anthropic', true, true]);
      expect(await insert(client, provider, { url })).toMatchObject({ base_url: stored });
      await client.query('delete from howdah.models where model = $1', ['m']);
      await insert(client, 'vllm', { url: 'https://llm.example.com/v1' });
      const change = `update howdah.models set provider = $1, base_url = $2 where model = 'm'
        returning base_url`;
      expect(await one(client, change, [provider, url])).toEqual({ base_url: stored });
    });
  });

  test('that is a host needs no base_url, and changes with the host', async () => {
    await asOwner(async (client) => {
      expect(await insert(client, 'api.example.com')).toEqual({
        provider: 'api.example.com',
        base_url: 'https://api.example.com/v1',
      });
      const change = `update howdah.models set provider = $1 where provider = 'api.example.com'
        returning base_url`;
      expect(await one(client, change, ['llm.example.org'])).toEqual({
        base_url: 'https://llm.example.org/v1',
      });
      expect(
        await one(
          client,
          `update howdah.models set provider = 'openai' where provider = 'llm.example.org'
           returning base_url`,
        ),
      ).toEqual({ base_url: null });
    });
  });

  test.each([
    ['opnai', { suggestion: 'openai' }],
    ['vllm', { field: 'base_url' }],
    ['amazon-bedrock', { package: '@ai-sdk/amazon-bedrock' }],
    ['deepgram', { package: '@ai-sdk/deepgram' }],
    ['npm:@acme/models', { package: '@acme/models' }],
    ['anthropic', { variables: ['ANTHROPIC_API_KEY'] }],
    ['groq', { variables: ['GROQ_API_KEY'] }],
  ])('%s is refused while no host can use it', async (provider, detail) => {
    await asOwner(async (client) => {
      const purpose = provider === 'deepgram' ? 'stt' : 'llm';
      expect(await refused(client, provider, { purpose })).toMatchObject({
        code: 'HWINV',
        fields: { field: 'provider', provider, ...detail },
        hint: expect.stringMatching(/\S/),
      });
    });
  });

  test.each(['local', 'scripted', 'openai', 'engine:http', 'ollama', 'llama.cpp'])(
    '%s needs neither package nor key',
    async (provider) => {
      await asOwner((client) => insert(client, provider));
    },
  );

  test('that is a key is refused, and not repeated', async () => {
    await asOwner(async (client) => {
      const key = 'sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789';
      const error = await refused(client, key);
      expect(error).toMatchObject({ code: 'HWINV', fields: { field: 'provider' } });
      expect(JSON.stringify(error)).not.toContain('abcdefghij');
    });
  });

  test('openai is refused without a key once processes have reported', async () => {
    await asOwner(async (client) => {
      await report(client, 'a', ['anthropic', true, false]);
      expect(await refused(client, 'openai')).toMatchObject({
        code: 'HWINV',
        fields: { field: 'provider', provider: 'openai', variables: ['OPENAI_API_KEY'] },
        hint: expect.stringContaining('OPENAI_API_KEY'),
      });
      await insert(client, 'openai', { url: 'https://gateway.example.com/v1' });
      await report(client, 'a', ['openai', false, true]);
      await insert(client, 'openai');
      const elsewhere = {
        provider: 'openai',
        has_package: true,
        has_key: false,
        has_address: true,
      };
      await client.query('select howdah_private.report_providers($1, $2)', [
        'a',
        JSON.stringify([elsewhere]),
      ]);
      await insert(client, 'openai');
    });
  });

  test.each([
    ['anthropic', 'embedding'],
    ['elevenlabs', 'llm'],
    ['local', 'tts'],
  ])('%s has no models of purpose %s', async (provider, purpose) => {
    await asOwner(async (client) => {
      const url = 'https://gateway.example.com/v1';
      expect(await refused(client, provider, { url, purpose })).toMatchObject({
        code: 'HWINV',
        fields: { field: 'purpose', provider, purpose },
        hint: expect.stringMatching(/such as \w+/),
      });
    });
  });

  test('that resembles the host of a vendor is refused without another address', async () => {
    await asOwner(async (client) => {
      expect(await refused(client, 'groqq.com')).toMatchObject({
        code: 'HWINV',
        fields: { field: 'provider', provider: 'groqq.com', suggestion: 'groq.com' },
        hint: expect.stringContaining('groq.com'),
      });
      expect(await refused(client, 'groqq.com', { url: 'https://groqq.com/v1' })).toMatchObject({
        fields: { suggestion: 'groq.com' },
      });
      await insert(client, 'openai-compatible', { url: 'https://groqq.com/v1' });
    });
  });

  test('must be known even with a base_url', async () => {
    await asOwner(async (client) => {
      const url = 'https://gateway.example.com/v1';
      expect(await refused(client, 'opnai', { url })).toMatchObject({
        code: 'HWINV',
        fields: { field: 'provider', suggestion: 'openai' },
      });
    });
  });

  test('with a base_url of its own needs no key: a gateway', async () => {
    const url = 'https://gateway.example.com/v1';
    await asOwner(async (client) => {
      await insert(client, 'anthropic', { url });
      await insert(client, 'vllm', { url });
    });
  });

  test('with a secret needs no key of the environment', async () => {
    await asOwner(async (client) => {
      await client.query(`insert into howdah.secrets (name, fingerprint) values ('groq', '')`);
      await insert(client, 'groq.com', { secret: 'groq' });
    });
  });

  test('is accepted as soon as a host reports its package and key', async () => {
    await asOwner(async (client) => {
      await report(client, 'a', ['amazon-bedrock', true, false], ['groq', false, false]);
      expect(await refused(client, 'amazon-bedrock')).toMatchObject({
        code: 'HWINV',
        hint: expect.stringContaining('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'),
      });
      await report(client, 'b', ['amazon-bedrock', false, true], ['npm:@acme/models', true, false]);
      await insert(client, 'amazon-bedrock');
      await insert(client, 'npm:@acme/models', { url: 'https://models.example.com' });
      await report(client, 'b');
      expect(await refused(client, 'amazon-bedrock')).toMatchObject({ code: 'HWINV' });
    });
  });

  test('that is a package needs a base_url', async () => {
    await asOwner(async (client) => {
      await report(client, 'a', ['npm:@acme/models', true, false]);
      expect(await refused(client, 'npm:@acme/models')).toMatchObject({
        code: 'HWINV',
        fields: { field: 'base_url', provider: 'npm:@acme/models' },
        hint: expect.stringContaining('base_url'),
      });
    });
  });

  test('is not checked again while it is unchanged', async () => {
    await asOwner(async (client) => {
      await report(client, 'a', ['groq', false, true]);
      await insert(client, 'groq');
      await report(client, 'a');
      const change = (set: string) => `update howdah.models set ${set} where provider = 'groq'`;
      await client.query(change(`provider = 'groq', domain = 'finance'`));
      expect(await refusedInside(client, change(`purpose = 'stt'`))).toMatchObject({
        code: 'HWINV',
        fields: { provider: 'groq' },
      });
    });
  });
});

describe('a model that no host can use any more', () => {
  /** Gives the model to a new agent, and returns the warnings. */
  async function assign(client: pg.PoolClient, model: string) {
    const found: { message: string | undefined; hint: string | undefined }[] = [];
    const listen = ({
      message,
      hint,
    }: {
      message: string | undefined;
      hint?: string | undefined;
    }) => found.push({ message, hint });
    client.on('notice', listen);
    await client.query(
      `with a as (insert into howdah.agents (name) values ('clerk of ' || $1) returning id)
       insert into howdah.agent_models (agent_id, model_id)
       select a.id, m.id from a join howdah.models as m on m.name = $1`,
      [model],
    );
    client.off('notice', listen);
    return found;
  }
  const stored = (client: Db) =>
    client.query(
      `insert into howdah.models (name, provider, model) values ('fast', 'groq', 'm'), ('own', 'local', 'm')`,
    );

  test('is given to an agent with a warning in the words of the refusal', async () => {
    await rolledBack(db.pool, async (client) => {
      await report(client, 'a', ['groq', false, true]);
      await stored(client);
      expect(await assign(client, 'own')).toEqual([]);
      await report(client, 'a', ['anthropic', true, true]);
      expect(await assign(client, 'fast')).toEqual([
        {
          message: `calls of the model 'fast' will fail: there is no API key for Groq`,
          hint: expect.stringContaining('GROQ_API_KEY'),
        },
      ]);
    });
  });

  test('is named when a file with its agent is applied', async () => {
    await asOwner(async (client) => {
      await report(client, 'a', ['groq', false, true]);
      await stored(client);
      const apply = async (models: string[]) =>
        (
          await one(client, 'select howdah.apply_agent_system($1) as applied', [
            JSON.stringify({ version: 'v1', name: 'desk', agents: { clerk: { models } } }),
          ])
        ).applied.warnings;
      expect(await apply(['fast'])).toEqual([]);
      await report(client, 'a', ['anthropic', true, true]);
      expect(await apply(['fast', 'own'])).toEqual([
        'calls of the model fast will fail: there is no API key for Groq',
      ]);
    });
  });
});

test('reports of hosts that are silent for 30 days are deleted', async () => {
  await asOwner(async (client) => {
    await report(client, 'old', ['groq', false, true]);
    await report(client, 'new', ['groq', false, true]);
    await client.query(
      `update howdah_private.provider_reports set reported_at = now() - interval '31 days'
       where host = 'old'`,
    );
    await client.query('select howdah_private.delete_old_provider_reports()');
    const { rows } = await client.query(
      `select r.host from howdah_private.provider_reports as r where r.host in ('old', 'new')`,
    );
    expect(rows).toEqual([{ host: 'new' }]);
  });
});

describe('an address of the machine', () => {
  const local = { url: 'http://localhost:11434/v1' };
  const asking = async (role: string, settings: Record<string, string>) => {
    const tenant = await makeTenant(db.pool);
    return <T>(work: (client: Db) => Promise<T>) =>
      asRole(db.pool, role, { 'howdah.tenant_id': tenant, ...settings }, work);
  };

  const isGuarded = (client: Db, url: string) =>
    one(client, 'select is_guarded from howdah.models where base_url = $1', [url]);

  test('may be named by a request of its owner', async () => {
    const owner = await asking('howdah_app', { 'howdah.owns_machine': 'on' });
    await owner(async (client) => {
      await insert(client, 'openai', local);
      await insert(client, 'ollama');
      expect(await isGuarded(client, local.url)).toEqual({ is_guarded: false });
    });
  });

  test('is guarded at each URL that a tenant wrote', async () => {
    const tenant = await asking('howdah_app', {});
    await tenant(async (client) => {
      await insert(client, 'llm.example.com');
      await insert(client, 'openai', { url: 'https://gateway.example.com/v1' });
      for (const url of ['https://llm.example.com/v1', 'https://gateway.example.com/v1']) {
        expect(await isGuarded(client, url)).toEqual({ is_guarded: true });
      }
      await client.query(`update howdah.models set domain = 'finance', base_url = base_url`);
      expect(await isGuarded(client, 'https://gateway.example.com/v1')).toEqual({
        is_guarded: true,
      });
    });
  });

  test.each(['', 'off'])('may not be named by tenants: owns_machine %j', async (setting) => {
    const tenant = await asking('howdah_app', { 'howdah.owns_machine': setting });
    await tenant(async (client) => {
      for (const [provider, more] of [
        ['openai', local],
        ['ollama', {}],
        ['whisper.local', {}],
      ] as const) {
        expect(await refused(client, provider, more), provider).toMatchObject({ code: 'HWDEN' });
      }
    });
  });
});
