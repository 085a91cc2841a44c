import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { hostname } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  defaultModelFinding,
  describeMissing,
  rejectedKeys,
} from '../../../src/cli/doctor/default-model.ts';
import { leftOutFindings } from '../../../src/cli/doctor/providers.ts';
import { type Environment, readConfig } from '../../../src/config.ts';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import { listRequest } from '../../../src/providers/http/list-models.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { reportUsable } from '../../support/usable-providers.ts';
import { startTestWorker } from '../../support/worker.ts';
import { runCli } from '../run-cli.ts';

const db = testDatabase();

async function finding(of: string) {
  const { stdout } = await runCli(db.url, 'doctor', '--json');
  const { items } = JSON.parse(stdout) as { items: { check: string; fix?: string }[] };
  return items.find(({ check }) => check === of);
}
const providers = () => finding('providers');

test('doctor checks only Howdah roles, not roles with a similar prefix', async () => {
  const other = `howdah_test_${randomBytes(6).toString('hex')}`;
  await db.pool.query(`create role ${other} superuser`);
  try {
    expect(await finding('roles')).toMatchObject({ ok: true });
  } finally {
    await db.pool.query(`drop role ${other}`);
  }
});

test('doctor names models that this machine cannot use, with the line that fixes the first', async () => {
  expect(await providers()).toMatchObject({ ok: true, found: 'every model has a provider' });
  await reportUsable(db.pool, 'assemblyai', 'groq');
  await db.pool.query(
    `insert into howdah.models (name, provider, model, purpose, base_url) values
       ('ear', 'assemblyai', 'x', 'stt', null), ('fast', 'groq', 'x', 'llm', null),
       ('fine', 'groq', 'x', 'llm', 'https://api.groq.com/openai/v1')`,
  );
  expect(await providers()).toMatchObject({
    ok: true,
    found: 'not usable here: 2, the first is the model ear of assemblyai',
    fix: 'npm install @ai-sdk/assemblyai',
  });
  await db.pool.query(`delete from howdah.models where name = 'ear'`);
  const { stdout } = await runCli(db.url, 'doctor');
  expect(stdout).toMatch(/^note providers +not usable here: 1, .*\n +Set GROQ_API_KEY/m);
  await db.pool.query(
    `update howdah.models set provider = 'opnai', from_environment = true where name = 'fast'`,
  );
  expect(await providers()).toMatchObject({ fix: expect.stringContaining('Did you mean openai?') });
});

test('doctor names models that the environment describes wrongly', () => {
  expect(leftOutFindings(readConfig({ TTS_URL: 'voice.example' }).models)).toEqual([
    expect.objectContaining({
      ok: true,
      fix: expect.stringMatching(/^The model tts is left out\. TTS_URL: .* Set TTS_URL to /),
    }),
  ]);
});

describe('the default model that this machine cannot use', () => {
  const setDefault = (provider: string) =>
    db.pool.query(`select howdah_private.sync_default_model($1, 'm')`, [provider]);
  const ownFinding = () => defaultModelFinding(db.pool, readConfig({}));
  afterAll(() => setDefault('local'));

  test.each([
    ['mistral', 'a key', 'MISTRAL_API_KEY'],
    ['openai', 'a key', 'OPENAI_API_KEY'],
    ['assemblyai', 'a package', 'npm install @ai-sdk/assemblyai'],
  ])('of %s lacks %s, unless another host has it', async (provider, lacks, line) => {
    await setDefault(provider);
    await db.pool.query('delete from howdah_private.provider_reports');
    const found = expect.stringContaining(`it lacks ${lacks} here`);
    const fix = expect.stringContaining(line);
    expect(await ownFinding()).toEqual({ check: 'model', ok: false, found, fix });
    await reportUsable(db.pool, provider);
    expect(await ownFinding()).toEqual({ check: 'model', ok: true, found, fix });
  });

  test('may have its key in a live worker of this machine', async () => {
    await setDefault('mistral');
    await db.pool.query('delete from howdah_private.provider_reports');
    const providers = [{ provider: 'mistral', has_package: true, has_key: true }];
    const report = (host: string) =>
      db.pool.query('select howdah_private.report_providers($1, $2)', [
        host,
        JSON.stringify(providers),
      ]);
    await report(`${hostname()}/cli`);
    const worker = await startTestWorker(db.url);
    try {
      expect(await ownFinding()).toMatchObject({ ok: false });
      await report(hostname());
      expect(await ownFinding()).toMatchObject({
        ok: true,
        found: expect.stringContaining('only other processes can use it: it lacks a key here'),
      });
    } finally {
      await worker.stop(1_000);
    }
    expect(await ownFinding()).toMatchObject({ ok: false });
  });

  test('is described for the banner with the variable of its key', async () => {
    await setDefault('anthropic');
    const describeWith = (env: Environment) => describeMissing(db.pool, readConfig(env));
    expect(await describeWith({})).toBe('no key: set ANTHROPIC_API_KEY');
    expect(await describeWith({ ANTHROPIC_API_KEY: 'x' })).toBeNull();
    await setDefault('assemblyai');
    expect(await describeWith({})).toBe('npm install @ai-sdk/assemblyai');
  });

  test('is a part of the report of doctor', async () => {
    await setDefault('assemblyai');
    expect(await finding('model')).toMatchObject({ fix: 'npm install @ai-sdk/assemblyai' });
  });
});

test('doctor names the variable that tokens need', async () => {
  expect(await finding('login')).toMatchObject({
    ok: true,
    found: expect.stringMatching(/^required: API keys/),
    fix: expect.stringContaining('HOWDAH_JWT_SECRET'),
  });
});

describe('a key that its server rejects', () => {
  let server: Server;
  let url: string;
  beforeAll(async () => {
    server = createServer((request, response) => {
      response.statusCode = request.headers.authorization === 'Bearer right' ? 200 : 401;
      response.end('{"data": []}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as { port: number }).port}/v1`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  test('is reported with its variable, for the default model and others', async () => {
    const config = readConfig({
      ...{ LLM_URL: url, LLM_API_KEY: 'wrong', LLM_MODEL: 'm' },
      ...{ EMBEDDING_URL: url, EMBEDDING_API_KEY: 'wrong', EMBEDDING_MODEL: 'm' },
      ...{ TTS_URL: url, TTS_API_KEY: 'right' },
    });
    expect(await defaultModelFinding(null, config)).toMatchObject({
      ok: false,
      found: expect.stringContaining('rejects the key'),
      fix: expect.stringContaining('LLM_API_KEY'),
    });
    expect(await rejectedKeys(config)).toEqual([
      {
        ...{ check: 'model', ok: false },
        found: `embedding, set in the environment; ${new URL(url).host} rejects the key`,
        fix: 'Check the key of EMBEDDING_API_KEY.',
      },
    ]);
  });

  test.each([
    ['anthropic', 'https://api.anthropic.com/v1/models', 'x-api-key'],
    ['google', 'https://generativelanguage.googleapis.com/v1beta/models', 'x-goog-api-key'],
    ['groq', 'https://api.groq.com/openai/v1/models', 'authorization'],
  ])('is found by a list of the models of %s', (provider, url, header) => {
    const request = listRequest({ provider, baseUrl: undefined, apiKey: 'k' });
    expect(request?.url).toBe(url);
    expect(request?.headers[header]).toMatch(/^(Bearer )?k$/);
  });
});

test('doctor reports a table without tenant isolation', async () => {
  await db.pool.query('alter table howdah.agents disable row level security');
  expect(await finding('isolation')).toMatchObject({
    ok: false,
    found: 'gaps: 1, the first in howdah.agents: row-level security is off, or not forced',
    fix: 'alter table howdah.agents enable row level security, force row level security',
  });
});

test('doctor names a tool of an agent that no running worker has', async () => {
  const tools: CustomTool[] = [
    {
      name: 'measure',
      description: 'Measures.',
      parameters: { type: 'object' },
      effect: 'pure',
      run: async () => ({ ok: true, value: 1 }),
    },
  ];
  const check = () => finding('custom tools');
  await db.pool.query(
    `with t as (
       insert into howdah.tools (name, description, kind, parameters, effect)
       values ('measure', 'Measures.', 'custom', '{"type": "object"}', 'pure') returning id)
     insert into howdah.agent_tools (agent_id, tool_id)
     select howdah.agent('development'), t.id from t`,
  );
  expect(await check()).toMatchObject({ ok: true }); // no worker runs
  const worker = await startTestWorker(db.url);
  try {
    const equipped = await startTestWorker(db.url, { tools });
    const found = await check().finally(() => equipped.stop(1_000));
    expect(found).toMatchObject({ ok: true, found: expect.stringContaining('measure') });
    expect(await check()).toMatchObject({
      ok: false,
      found: expect.stringMatching(/agent development needs the tool measure, which no running/),
    });
    worker.replaceTools(tools);
    await eventually(
      db.pool,
      'the worker reports its tools',
      `select from howdah_private.workers as w where 'measure' = any (w.custom_tools)`,
    );
    expect(await check()).toMatchObject({ ok: true });
  } finally {
    await worker.stop(1_000);
  }
});
