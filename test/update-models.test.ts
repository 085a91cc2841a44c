import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startOpenAiServer } from '../chaos/load/openai-server.ts';
import { type Config, type Environment, readConfig } from '../src/config.ts';
import { putSecretOn, secretRowsOn } from '../src/db/access/secrets.ts';
import { createSecretReader } from '../src/secrets/reader.ts';
import { createSecretWriter } from '../src/secrets/writer.ts';
import { masterKeysOf } from '../src/serve-api.ts';
import { TOOL_KEY_VARIABLES } from '../src/settings/tool-keys.ts';
import { updateModels } from '../src/update-models.ts';
import { runCli } from './cli/run-cli.ts';
import { runToEnd, shortenBackOff, stepsOf } from './runtime/arrange.ts';
import { testDatabase } from './support/database.ts';
import { startTestWorker } from './support/worker.ts';

const home = mkdtempSync(join(tmpdir(), 'howdah-models-'));
afterAll(() => rmSync(home, { recursive: true }));

const db = testDatabase();

/** The default value of HOWDAH_SECRET_KEY in these tests. */
const HOWDAH_SECRET_KEY = Buffer.alloc(32, 'k').toString('base64');

const configOf = (env: Environment) =>
  readConfig({
    ...{ HOWDAH_HOME: home, DATABASE_URL: db.url, HOWDAH_SECRET_KEY, HOWDAH_AUTH: 'none' },
    ...env,
  });

/**
 * Starts a worker and the API with these variables, as a process does. Returns the printed lines.
 */
async function start(env: Environment, { isApi } = { isApi: true }): Promise<string[]> {
  const lines: string[] = [];
  await updateModels(db.url, configOf(env), isApi, (line) => lines.push(line));
  return lines;
}

async function rows() {
  const { rows } = await db.pool.query(
    `select m.name, m.purpose::text, m.provider, m.model, m.base_url, m.secret_name,
       m.request_params, m.fallback_position, m.from_environment
     from howdah.models as m join howdah.tenants as t on t.id = m.tenant_id
     where t.slug = 'default' order by m.name`,
  );
  return rows;
}

async function row(name: string) {
  return (await rows()).find((one) => one.name === name);
}

async function secret(name: string, config: Config = configOf({})): Promise<string | undefined> {
  const { rows } = await db.pool.query(`select id from howdah.tenants where slug = 'default'`);
  const read = createSecretReader(secretRowsOn(db.pool), masterKeysOf(config));
  const found = await read(rows[0].id, name);
  return found.ok ? found.value : undefined;
}

/** Counts the rows of all our tables that contain a text. */
async function countRowsWith(text: string): Promise<number> {
  const { rows: tables } = await db.pool.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name
     from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
     where c.relkind = 'r' and n.nspname in ('howdah', 'howdah_private', 'graphile_worker')`,
  );
  let count = 0;
  for (const { name } of tables) {
    const { rows } = await db.pool.query(
      `select count(*)::int as count from ${name} as t where strpos(t::text, $1) > 0`,
      [text],
    );
    count += rows[0].count;
  }
  return count;
}

describe('a user with a .env file', () => {
  test('of several vendors has a model and a secret for each of them', async () => {
    const lines = await start({
      ANTHROPIC_API_KEY: 'plain-canary-anthropic',
      GOOGLE_GENERATIVE_AI_API_KEY: 'plain-canary-google',
      GROQ_API_KEY: 'plain-canary-groq',
      OLLAMA_HOST: '127.0.0.1:11434',
    });
    expect(lines).toEqual([]);
    expect(await rows()).toMatchObject([
      { name: 'default', provider: 'anthropic', model: 'claude-sonnet-4-5', secret_name: null },
      {
        name: 'google',
        purpose: 'llm',
        provider: 'google',
        model: 'gemini-2.5-flash',
        base_url: null,
        secret_name: 'google-generative-ai-api-key',
        fallback_position: 1,
        from_environment: true,
      },
      { name: 'groq', secret_name: 'groq-api-key', fallback_position: 2 },
      { name: 'local', provider: 'local', secret_name: null, fallback_position: 4 },
      { name: 'ollama', base_url: 'http://127.0.0.1:11434/v1', fallback_position: 3 },
    ]);
    expect(await secret('google-generative-ai-api-key')).toBe('plain-canary-google');
    expect(await countRowsWith('plain-canary')).toBe(0);
    const { rows: agents } = await db.pool.query(
      `select jsonb_path_query_array(v.definition, '$.models[*].name') as models
       from howdah.agents as a join howdah.agent_versions as v on v.id = a.current_version_id
       where a.name = 'development' and a.tenant_id = howdah.current_tenant()`,
    );
    expect(agents).toEqual([{ models: ['default', 'google', 'groq', 'ollama', 'local'] }]);
  });

  test('of LLM_*, TTS_*, STT_* and EMBEDDING_* has a model for each purpose', async () => {
    await start({
      LLM_PROVIDER: 'groq.com',
      LLM_API_KEY: 'plain-canary-llm',
      TTS_PROVIDER: 'api.elevenlabs.io',
      TTS_API_KEY: 'plain-canary-tts',
      TTS_VOICE: 'alice',
      STT_PROVIDER: 'groq.com',
      EMBEDDING_URL: 'http://127.0.0.1:8080/v1',
      EMBEDDING_MODEL: 'bge-m3',
    });
    expect(await row('default')).toMatchObject({ provider: 'groq', base_url: null });
    expect(await row('tts')).toMatchObject({
      provider: 'elevenlabs',
      purpose: 'tts',
      secret_name: 'tts-api-key',
      request_params: { voice: 'alice' },
    });
    expect(await row('stt')).toMatchObject({
      model: 'whisper-large-v3-turbo',
      secret_name: 'llm-api-key',
    });
    expect(await row('embedding')).toMatchObject({
      model: 'bge-m3',
      base_url: 'http://127.0.0.1:8080/v1',
      secret_name: null,
    });
    expect(await secret('tts-api-key')).toBe('plain-canary-tts');
    expect(await secret('llm-api-key')).toBe('plain-canary-llm');
    expect(await countRowsWith('plain-canary')).toBe(0);
  });

  test('finds the models with the command line', async () => {
    await start({ ANTHROPIC_API_KEY: 'a', GROQ_API_KEY: 'g' });
    const { stdout } = await runCli(db.url, 'models', '--json');
    expect(JSON.parse(stdout).items).toContainEqual(
      expect.objectContaining({ name: 'groq', provider: 'groq', from_environment: true }),
    );
  });
});

describe('a model of the environment', () => {
  const two = { OPENAI_API_KEY: 'o', MISTRAL_API_KEY: 'first' };

  test('is written once, and again when the environment changes', async () => {
    await start(two);
    const versions = async () =>
      (
        await db.pool.query(
          `select m.xmin::text as model, s.version as secret from howdah.models as m
           join howdah.secrets as s on s.tenant_id = m.tenant_id and s.name = m.secret_name
           where m.name = 'mistral'`,
        )
      ).rows[0];
    const before = await versions();
    await start(two);
    expect(await versions()).toEqual(before);
    await start({ ...two, MISTRAL_API_KEY: 'second' });
    expect(await versions()).toMatchObject({ secret: before.secret + 1 });
    expect(await secret('mistral-api-key')).toBe('second');
  });

  test('stays as a person has edited it', async () => {
    await start({ OPENAI_API_KEY: 'o', XAI_API_KEY: 'x', DEEPSEEK_API_KEY: 'd' });
    await db.pool.query(`update howdah.models set model = 'mine' where name = 'xai'`);
    await db.pool.query(
      `update howdah.models set fallback_position = null where name = 'deepseek'`,
    );
    await start({ OPENAI_API_KEY: 'o', XAI_API_KEY: 'changed', DEEPSEEK_API_KEY: 'd' });
    expect(await row('xai')).toMatchObject({ model: 'mine', from_environment: false });
    expect(await row('deepseek')).toMatchObject({ fallback_position: null });
    expect(await secret('xai-api-key')).toBe('x');
  });

  test('never replaces a model that a person has made', async () => {
    await db.pool.query(
      `insert into howdah.models (name, provider, model) values ('cohere', 'scripted', 'mine')`,
    );
    await start({ OPENAI_API_KEY: 'o', COHERE_API_KEY: 'c' });
    expect(await row('cohere')).toMatchObject({ provider: 'scripted', secret_name: null });
    expect(await secret('cohere-api-key')).toBeUndefined();
  });

  test('never replaces or uses a secret that a person has stored', async () => {
    const config = configOf({});
    const { rows } = await db.pool.query(`select id from howdah.tenants where slug = 'default'`);
    const writer = createSecretWriter(secretRowsOn(db.pool), masterKeysOf(config));
    const put = putSecretOn(db.pool, rows[0].id);
    await writer.set(rows[0].id, 'deepinfra-api-key', 'mine', put);
    await start({ OPENAI_API_KEY: 'o', DEEPINFRA_API_KEY: 'another' });
    expect(await row('deepinfra')).toMatchObject({ secret_name: null });
    expect(await secret('deepinfra-api-key')).toBe('mine');
  });

  test('is no fallback when LLM_PROVIDER names local', async () => {
    await start({ OPENAI_API_KEY: 'o', LLM_PROVIDER: 'local', GROQ_API_KEY: 'g' });
    expect(await row('default')).toMatchObject({ provider: 'local' });
    const positions = (await rows()).filter(({ from_environment }) => from_environment);
    expect(positions.filter(({ fallback_position }) => fallback_position !== null)).toEqual([]);
  });

  test('stays without its variable, but is no fallback any more', async () => {
    await start({ OPENAI_API_KEY: 'o', CEREBRAS_API_KEY: 'c' });
    await start({ OPENAI_API_KEY: 'o' });
    expect(await row('cerebras')).toMatchObject({
      fallback_position: null,
      secret_name: 'cerebras-api-key',
      from_environment: true,
    });
    expect(await row('local')).toMatchObject({ fallback_position: null });
  });

  test('is written once by processes that start at the same time', async () => {
    const env = { OPENAI_API_KEY: 'o', PERPLEXITY_API_KEY: 'p', TTS_API_KEY: 't' };
    await Promise.all(Array.from({ length: 4 }, () => start(env)));
    expect(await secret('perplexity-api-key')).toBe('p');
    const { rows: secrets } = await db.pool.query(
      `select version from howdah.secrets where name = 'perplexity-api-key'`,
    );
    expect(secrets).toEqual([{ version: 1 }]);
  });

  test('has no secret in an external database without HOWDAH_SECRET_KEY, and says so', async () => {
    const env = { OPENAI_API_KEY: 'o', ZAI_API_KEY: 'z', HOWDAH_SECRET_KEY: undefined };
    const [line] = await start(env);
    expect(line).toContain('ZAI_API_KEY');
    expect(line).toContain('HOWDAH_SECRET_KEY');
    expect(await row('zai')).toMatchObject({ secret_name: null, fallback_position: 1 });
  });
});

test('a vendor without any key is named, with the variable to set', async () => {
  expect(await start({ LLM_PROVIDER: 'mistral' })).toEqual([
    'There is no API key for Mistral: set LLM_API_KEY or MISTRAL_API_KEY.',
  ]);
  expect(await start({ LLM_PROVIDER: 'mistral', LLM_API_KEY: 'm' })).toEqual([]);
});

describe('keys that do not become secrets', () => {
  const vendors = { OPENAI_API_KEY: 'o', FIREWORKS_API_KEY: 'plain-canary-fireworks' };
  const servers = {
    TTS_API_KEY: 'plain-canary-tts-server',
    TTS_URL: 'https://speech.example/v1',
    STT_API_KEY: 'plain-canary-stt',
    LLM_URL: 'https://llm.example/v1',
    LLM_API_KEY: 'plain-canary-llm-server',
    LLM_MODEL: 'm',
  };

  beforeEach(async () => {
    await db.pool.query(`delete from howdah.models where from_environment and name <> 'default'`);
  });

  test.each([
    ['with a login', { HOWDAH_AUTH: 'required' }, { isApi: true }],
    ['in a worker beside an API of its own', {}, { isApi: false }],
    ['without a key to encrypt them', { HOWDAH_SECRET_KEY: undefined }, { isApi: true }],
  ])('stay in the environment %s', async (_, env, parts) => {
    const lines = await start({ ...vendors, ...servers, ...env }, parts);
    expect(await row('fireworks')).toMatchObject({ base_url: null, secret_name: null });
    const written = (await rows()).map(({ name }) => name);
    expect(written).not.toContain('tts');
    expect(written).not.toContain('stt'); // STT_API_KEY is not the key of OpenAI in this process
    expect(written).not.toContain('openai'); // rows without an address have the server of LLM_URL
    expect(await secret('fireworks-api-key')).toBeUndefined();
    expect(await countRowsWith('plain-canary')).toBe(0);
    expect(lines).toEqual([
      expect.stringMatching(/FIREWORKS_API_KEY.* models fireworks each process uses/),
      expect.stringMatching(
        /not written: openai, tts, stt\..*TTS_API_KEY.*howdah admin secret set NAME/,
      ),
    ]);
  });

  test('leave the default model without a fallback rather than with local alone', async () => {
    await start({ OPENAI_API_KEY: 'o', ...servers, HOWDAH_AUTH: 'required' });
    expect(await row('local')).toBeUndefined();
  });

  test('stay secrets that an earlier start has stored', async () => {
    const env = { OPENAI_API_KEY: 'o', MOONSHOT_API_KEY: 'm' };
    await start(env);
    expect(await start({ ...env, HOWDAH_AUTH: 'required' })).toEqual([]);
    expect(await row('moonshotai')).toMatchObject({ secret_name: 'moonshot-api-key' });
  });
});

describe('a run falls back from the default model to Ollama and to local', () => {
  /** Runs the agent `development`, and returns the steps of its run. */
  const stepsOfFallback = async (openai?: string) => {
    const worker = await startTestWorker(db.url, openai === undefined ? {} : { openai });
    try {
      const { rows } = await db.pool.query(
        `select a.id from howdah.agents as a
         where a.name = 'development' and a.tenant_id = howdah.current_tenant()`,
      );
      const run = await runToEnd(db.pool, rows[0].id);
      expect(run.status).toBe('completed');
      return (await stepsOf(db.pool, run.id)).map(({ kind, name }) => `${kind} ${name}`);
    } finally {
      await worker.stop(1_000);
    }
  };
  const attempts = [
    ...Array(4).fill('retry default'),
    ...Array(4).fill('retry ollama'),
    'model local',
    'output null',
  ];

  beforeAll(() => shortenBackOff(db.pool));
  beforeEach(async () => {
    await db.pool.query(
      `update howdah.models set fallback_position = null where not from_environment`,
    );
  });

  test('each attempt in its log, from a server in the format of OpenAI', async () => {
    const server = await startOpenAiServer(() => ({
      ...{ status: 529, error: { message: 'overloaded' } },
    }));
    await start({
      OPENAI_BASE_URL: server.url,
      OLLAMA_HOST: '127.0.0.1:2', // a port that is never assigned automatically
    });
    expect(await stepsOfFallback(server.url)).toEqual(attempts);
    await server.close();
  });

  test('each attempt in its log, from Anthropic in its own format', async () => {
    const requests: string[] = [];
    const server = createServer((request, response) => {
      requests.push(`${request.method} ${request.url}`);
      response.writeHead(529, { 'content-type': 'application/json' });
      response.end('{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await start({ ANTHROPIC_API_KEY: 'a', OLLAMA_HOST: '127.0.0.1:2' });
    await db.pool.query(
      `update howdah.models set base_url = $1
       where name = 'default' and tenant_id = howdah.current_tenant()`,
      [`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`],
    );
    expect(await stepsOfFallback()).toEqual(attempts);
    expect(requests).toEqual(Array(4).fill('POST /v1/messages'));
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('keys of tools in the environment', () => {
  const GITHUB_TOKEN = 'plain-canary-github-token';

  test('become secrets that follow the environment, and no row has them', async () => {
    const lines = await start({ GITHUB_TOKEN, SLACK_BOT_TOKEN: 'plain-canary-slack-bot' });
    expect(lines).toContain(
      'Stored as secrets of tools: GITHUB_TOKEN as github, SLACK_BOT_TOKEN as slack.',
    );
    expect(await secret('github')).toBe(GITHUB_TOKEN);
    expect(await countRowsWith('plain-canary')).toBe(0);
    expect(await start({ GITHUB_TOKEN })).toEqual([]);
    await start({ GH_TOKEN: 'plain-canary-newer', GITHUB_TOKEN: ' ' });
    expect(await secret('github')).toBe('plain-canary-newer');
  });

  test('do not replace a value that somebody has stored', async () => {
    await start({ GITHUB_TOKEN });
    const { rows } = await db.pool.query(`select id from howdah.tenants where slug = 'default'`);
    const writer = createSecretWriter(secretRowsOn(db.pool), masterKeysOf(configOf({})));
    await writer.set(
      rows[0].id,
      'github',
      'my-own-token-of-github',
      putSecretOn(db.pool, rows[0].id),
    );
    expect(await start({ GITHUB_TOKEN })).toEqual([
      'GITHUB_TOKEN is not used: the secret github has another value.',
    ]);
    expect(await secret('github')).toBe('my-own-token-of-github');
  });

  test('are listed in the documentation', () => {
    const file = join(import.meta.dirname, '../docs/reference/environment.md');
    const page = readFileSync(file, 'utf8');
    for (const [name, variables] of Object.entries(TOOL_KEY_VARIABLES)) {
      const words = variables.map((variable) => `\`${variable}\``).join(' or ');
      expect(page).toContain(`| ${words} | \`${name}\` |`);
    }
  });

  test('are not stored where requests need a login', async () => {
    const lines = await start({
      NOTION_TOKEN: 'plain-canary-notion',
      HOWDAH_AUTH: 'required',
      HOWDAH_JWT_SECRET: 'x'.repeat(40),
    });
    expect(lines).toEqual([expect.stringMatching(/^Not stored as secrets: NOTION_TOKEN \(/)]);
    expect(await secret('notion')).toBeUndefined();
  });
});
