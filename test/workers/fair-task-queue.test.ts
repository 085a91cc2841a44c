import { expect, test } from 'vitest';
import { FairTaskQueue, type TenantJob } from '../../workers/fair-task-queue.ts';

// Tasks end when the test allows it.

function createQueue(room: { atOnce: number; ofOneTenant: number }) {
  const going = new Map<string, () => void>();
  const [failed, unstartable]: [string[], Set<string>] = [[], new Set()];
  const line = new FairTaskQueue<string>(
    room,
    {
      begin: async ({ id }) => {
        if (unstartable.has(id)) throw new Error('the database is gone');
        return id === 'over' ? undefined : id;
      },
      go: (id) => new Promise((end) => void going.set(id, end)),
    },
    (_, { id }) => void failed.push(id),
    () => 0,
  );
  const come = (tenant_id: string, id: string) =>
    line.submit({ tenant_id, id } satisfies TenantJob);
  const end = async (id: string) => {
    going.get(id)?.();
    going.delete(id);
    await new Promise(setImmediate);
  };
  return { come, end, going: () => [...going.keys()], failed, unstartable };
}

test('tasks without room start as soon as there is some, in order of arrival', async () => {
  const { come, end, going } = createQueue({ atOnce: 3, ofOneTenant: 1 });
  for (const [tenant, id] of ['aslow', 'aone', 'atwo', 'bother'].map((word) => [
    word.charAt(0),
    word.slice(1),
  ])) {
    await come(tenant as string, id as string);
  }
  expect(going()).toEqual(['slow', 'other']);
  await end('slow');
  await come('a', 'slow'); // due again, behind the waiting tasks
  expect(going()).toEqual(['other', 'one']);
  await end('one');
  expect(going()).toEqual(['other', 'two']);
  await end('two');
  expect(going()).toEqual(['other', 'slow']);
});

test('waiting tasks of many tenants take turns, within the share of each tenant', async () => {
  const { come, end, going } = createQueue({ atOnce: 2, ofOneTenant: 2 });
  for (const id of ['a1', 'a2', 'a3', 'a4', 'b1', 'c1']) await come(id.charAt(0), id);
  await end('a1');
  expect(going()).toEqual(['a2', 'a3']);
  await end('a2');
  expect(going()).toEqual(['a3', 'b1']);
  await end('a3');
  expect(going()).toEqual(['b1', 'c1']);
  await end('b1');
  expect(going()).toEqual(['c1', 'a4']);
});

test('a thousand waiting tasks do not retry all at once, and none starts twice', async () => {
  const { come, end, going } = createQueue({ atOnce: 1, ofOneTenant: 1 });
  await come('a', 'slow');
  const again: (Date | undefined)[] = [];
  for (let n = 0; n < 1_500; n += 1) again.push(await come('a', `n${n}`));
  expect(again[0]).toEqual(new Date(1_000));
  expect(again[1_499]).toEqual(new Date(1_000 + 1_499 * 20));
  await come('a', 'n0'); // already queued
  await end('slow');
  expect(going()).toEqual(['n0']);
  await end('n0');
  expect(going()).toEqual(['n1']);
});

test('a finished task releases its slot, and one that cannot start ends no other', async () => {
  const { come, end, going, failed, unstartable } = createQueue({ atOnce: 1, ofOneTenant: 1 });
  await come('a', 'over');
  unstartable.add('lost');
  await expect(come('a', 'lost')).rejects.toThrow('the database is gone');
  await come('a', 'first');
  expect(going()).toEqual(['first']);
  for (const id of ['over', 'second', 'lost', 'third']) await come('a', id);
  await end('first');
  expect(going()).toEqual(['second']);
  await end('second');
  expect([going(), failed]).toEqual([[], ['lost']]);
  await come('a', 'fourth');
  await end('fourth');
  expect(going()).toEqual(['third']);
});
