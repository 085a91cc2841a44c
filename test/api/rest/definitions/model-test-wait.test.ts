import { expect, test } from 'vitest';
import { testModel } from '../../../../src/api/rest/definitions/model-test.ts';
import type { RouteContext } from '../../../../src/api/rest/framework/route.ts';
import { committed, makeTenant, takeRole } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';

const db = testDatabase(); // without a worker, so the test of the model stays queued

test('a request waits for a worker only until its client leaves', async () => {
  const tenant = await makeTenant(db.pool);
  const leaving = new AbortController();
  const reason = new Error('the client left');
  let transactions = 0;
  const transaction: RouteContext['transaction'] = (work) =>
    committed(db.pool, async (client) => {
      transactions += 1;
      if (transactions === 2) leaving.abort(reason); // the first one queues the test
      await takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant, 'howdah.role': 'admin' });
      return work(client);
    });
  const context = { transaction, leftSignal: () => leaving.signal } as RouteContext;
  const input = { body: { model: 'default' }, identity: { tenantId: tenant } } as never;
  await expect(testModel.serve?.(input, context)).rejects.toBe(reason);
  expect(transactions).toBe(2);
});
