import { afterAll, beforeAll, expect, test } from 'vitest';
import { inTenant } from '../../../src/db/connection/pool.ts';
import { applySystems } from '../../../src/systems/apply.ts';
import { importFastAgent } from '../../../src/systems/fast-agent/import.ts';
import { writeFile } from '../../../src/systems/write-file.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { startVendorServer, type VendorServer } from '../../providers/ai-sdk/vendor-server.ts';
import { runToEnd } from '../../runtime/arrange.ts';
import { one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { reportUsable } from '../../support/usable-providers.ts';
import { startTestWorker } from '../../support/worker.ts';

// Runs an imported fast-agent project with the usual model of fast-agent.

const database = testDatabase();
let anthropic: VendorServer;
let worker: Worker;

beforeAll(async () => {
  anthropic = await startVendorServer('anthropic', () => ({ words: ['Good', ' morning.'] }));
  worker = await startTestWorker(database.url);
});
afterAll(async () => {
  await worker?.stop(0);
  await anthropic?.close();
});

test('a project with default_model: sonnet runs after its import', async () => {
  const { pool } = database;
  await reportUsable(pool, 'anthropic', 'openai');
  const { document } = importFastAgent({
    name: 'project',
    files: [
      { kind: 'config', name: 'fastagent.config.yaml', text: 'default_model: sonnet\n' },
      { kind: 'card', name: 'greeter.md', text: '---\nname: greeter\n---\nGreet in a sentence.\n' },
    ],
    include: () => undefined,
  });
  const { tenant } = await one(pool, 'select howdah.current_tenant() as tenant');
  const file = { name: 'system.yaml', text: writeFile(document) };
  await inTenant(pool, tenant, (client) => applySystems(client, [file]));
  const { model } = await one(
    pool,
    `update howdah.models as m set base_url = $1
     from howdah.agent_models as am
     where am.model_id = m.id and am.agent_id = howdah.agent('greeter') returning m.model`,
    [`${anthropic.url}/v1`],
  );
  const { id } = await one(pool, `select howdah.agent('greeter') as id`);
  const run = await runToEnd(pool, id, 'Hello');
  expect(run).toMatchObject({ status: 'completed', output: 'Good morning.' });
  expect(anthropic.requests).toEqual([
    expect.objectContaining({
      path: '/v1/messages',
      body: expect.objectContaining({ model }),
    }),
  ]);
  expect(model).toMatch(/^claude-sonnet-/);
});
