import { expect, test } from 'vitest';
import type { CustomTool } from '../../src/index.ts';
import { addTool, callTools, createLatch, makeAgent, waitForStatus } from '../runtime/arrange.ts';
import { one } from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { startHowdah } from './start-howdah.ts';

// An active run has ten seconds to commit, so this test takes longer than others.

const db = testDatabase();

test('a signal in mid-run closes the instance, and its run goes on elsewhere', async () => {
  const started = createLatch();
  const stop = new AbortController();
  const hang: CustomTool = {
    name: 'hang',
    description: 'Hangs until it is aborted.',
    parameters: { type: 'object' },
    effect: 'idempotent',
    run(_, { signal }) {
      started.open();
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    },
  };
  const howdah = await startHowdah(db.url, { signal: stop.signal, tools: [hang] });
  const script = [callTools({ name: 'hang' }), { content: 'Done.' }];
  const agentId = await makeAgent(db.pool, { script });
  await addTool(db.pool, agentId, 'hang');
  const { name } = await one(db.pool, 'select name from howdah.agents where id = $1', [agentId]);
  const { execution_id: id } = await howdah.createRun({ agent: name, message: 'Wait.' });
  await started.opened;
  stop.abort();
  await howdah.close();
  const run = await one(db.pool, 'select owner_worker from howdah.executions where id = $1', [id]);
  expect(run.owner_worker).toBeNull();
  await expect(howdah.createRun({ agent: name, message: 'Late.' })).rejects.toThrow();
  const worker = await startTestWorker(db.url, { tools: [{ ...hang, run: () => 'back' }] });
  try {
    expect((await waitForStatus(db.pool, id, 'completed')).output).toBe('Done.');
  } finally {
    await worker.stop(0);
  }
});
