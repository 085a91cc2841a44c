import type { JobHelpers } from 'graphile-worker';
import type { Logger } from 'pino';
import { beforeEach, expect, test } from 'vitest';
import type { Deliveries } from '../../../src/db/worker/delivery-attempts.ts';
import type { DeliveryResult, WebhookDelivery } from '../../../src/tools/webhooks/send.ts';
import { deliverTask } from '../../../workers/tasks/deliver.ts';

// Receivers that answer when the test allows it.

const uuid = (n: number) => `01a1f805-7e9f-729f-9dc6-${String(n).padStart(12, '0')}`;
const tenant = (n: number) => uuid(1_000_000 + n);

let count = 0;
let held: Map<string, (result: DeliveryResult) => void>;
let ended: string[];
let later: string[];
let deliver: (tenant_id: string) => Promise<string>;
let refuseNext: boolean;

beforeEach(() => {
  held = new Map();
  ended = [];
  later = [];
  refuseNext = false;
  const tenants = new Map<string, string>();
  const deliveries = {
    begin: async (id: string) => {
      if (refuseNext) {
        refuseNext = false;
        throw new Error('the database is gone');
      }
      return { id, tenant_id: tenants.get(id) };
    },
    end: async ({ id }: WebhookDelivery) => void ended.push(id),
  } as unknown as Deliveries<WebhookDelivery, DeliveryResult>;
  const send = ({ id }: WebhookDelivery) =>
    new Promise<DeliveryResult>((resolve) => void held.set(id, resolve));
  const log = { warn: () => {} } as unknown as Logger;
  const task = deliverTask(deliveries, send, log);
  const addJob = async (_: string, { id }: { id: string }) => void later.push(id);
  deliver = async (tenant_id) => {
    count += 1;
    const id = uuid(count);
    tenants.set(id, tenant_id);
    await task({ id, tenant_id }, { addJob } as unknown as JobHelpers);
    return id;
  };
});

async function answer(id: string): Promise<void> {
  held.get(id)?.({ status: 200 } as unknown as DeliveryResult);
  await expect.poll(() => ended).toContain(id);
  await new Promise(setImmediate); // the slot is free once the delivery has ended
}

test('a tenant with unresponsive receivers has eight slots, and other tenants continue', async () => {
  const first: string[] = [];
  for (let n = 0; n < 8; n += 1) first.push(await deliver(tenant(1)));
  expect([...held.keys()]).toEqual(first);
  const ninth = await deliver(tenant(1));
  expect(later).toEqual([ninth]);
  expect(held.has(ninth)).toBe(false);
  const other = await deliver(tenant(2));
  expect(held.has(other)).toBe(true);
  await answer(first[3] as string);
  expect(held.has(ninth)).toBe(true); // the first waiting delivery is next
  const tenth = await deliver(tenant(1));
  expect(later).toEqual([ninth, tenth]);
  await answer(first[4] as string);
  await answer(first[5] as string);
  expect(held.has(tenth)).toBe(true);
  expect(held.has(await deliver(tenant(1)))).toBe(true);
});

test('there are thirty-two slots in total', async () => {
  for (let n = 0; n < 32; n += 1) await deliver(tenant(n % 4));
  expect(held.size).toBe(32);
  const fifth = await deliver(tenant(5));
  expect(later).toEqual([fifth]);
  await answer([...held.keys()][0] as string);
  expect(held.has(fifth)).toBe(true);
  await answer([...held.keys()][1] as string);
  expect(held.has(await deliver(tenant(5)))).toBe(true);
});

test('a delivery that could not start releases its slot', async () => {
  for (let n = 0; n < 20; n += 1) {
    refuseNext = true;
    await expect(deliver(tenant(1))).rejects.toThrow('the database is gone');
  }
  for (let n = 0; n < 8; n += 1) await deliver(tenant(1));
  expect(held.size).toBe(8);
});
