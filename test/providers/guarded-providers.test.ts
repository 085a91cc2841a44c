import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../chaos/load/openai-server.ts';
import { createGuardedProviders } from '../../src/guarded-providers.ts';
import { findProvider } from '../../src/providers/registry.ts';
import { createEgress } from '../../src/tools/egress.ts';
import { runToEnd } from '../runtime/arrange.ts';
import { makeAgent, makeModel, one } from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { answerOf, errorOf, modelRef, modelRequest, unabortedSignal } from './requests.ts';

// A host name that was not written by the owner of the machine may resolve to any address.

const db = testDatabase();
let server: FakeServer;
beforeAll(async () => {
  server = await startOpenAiServer(() => ({ content: 'Hello.' }));
});
afterAll(() => server?.close());

/** Calls a model whose host name resolves to this machine. */
async function call(provider: string, allowPrivate: string[], isGuarded: boolean) {
  const { port } = new URL(server.url);
  const base_url = `http://models.example.com:${port}/v1`;
  const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
  const providersFor = createGuardedProviders({}, createEgress({ allowPrivate, resolve }));
  const model = modelRef({ provider, base_url, ...(isGuarded && { is_guarded: true }) });
  const found = answerOf(findProvider(providersFor(model), model));
  return found.generate(modelRequest('Hi', { model }), {
    signal: unabortedSignal(),
    key: 'a-key-0123456789',
  });
}

describe.each(['openai', 'anthropic', 'google', 'mistral'])('a guarded model of %s', (provider) => {
  test('is not reached at a private address, and is not tried again', async () => {
    const before = server.requests.length;
    const error = errorOf(await call(provider, [], true));
    expect(error).toMatchObject({ code: 'invalid_request', retryable: false });
    expect(error.message).toMatch(/^base_url of model .*HOWDAH_EGRESS_ALLOW/);
    expect(server.requests).toHaveLength(before);
  });
});

test('an operator can allow the host of a guarded model', async () => {
  const { port } = new URL(server.url);
  const answer = answerOf(await call('openai', [`models.example.com:${port}`], true));
  expect(answer.content).toBe('Hello.');
});

test('a worker guards the models of tenants, and no others', async () => {
  const { tenant_id } = await one(db.pool, 'select howdah.current_tenant() as tenant_id');
  const run = async (is_guarded: boolean) => {
    const row = { tenant_id, provider: 'openai', model: 'm', base_url: server.url };
    const model = await makeModel(db.pool, { ...row, name: `guarded ${is_guarded}` });
    // written by a tenant when the host name resolved to another address
    await db.pool.query('update howdah.models set is_guarded = $2 where id = $1', [
      model,
      is_guarded,
    ]);
    const agent = await makeAgent(db.pool, { tenant_id });
    await db.pool.query(
      'insert into howdah.agent_models (tenant_id, agent_id, model_id) values ($1, $2, $3)',
      [tenant_id, agent, model],
    );
    return runToEnd(db.pool, agent);
  };
  const worker = await startTestWorker(db.url);
  try {
    expect(await run(false)).toMatchObject({ status: 'completed', output: 'Hello.' });
    expect(await run(true)).toMatchObject({
      status: 'failed',
      error: { code: 'invalid_request', message: expect.stringContaining('HOWDAH_EGRESS_ALLOW') },
    });
  } finally {
    await worker.stop(1_000);
  }
});
