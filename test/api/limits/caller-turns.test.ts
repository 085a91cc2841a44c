import { expect, test } from 'vitest';
import { createCallerTurns } from '../../../src/api/limits/caller-turns.ts';

const caller = (userId: string, tenantId = 't') => ({ tenantId, userId, role: 'viewer' }) as const;
/** Waits until no message can begin without another one ending. */
const settle = async () => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
};

/** Serves messages that last until `finish` is called, and notes what is being served. */
function startServing(connections: number) {
  const turns = createCallerTurns({ connections, sockets: 10_000 });
  const served: { user: string; end(): void }[] = [];
  const ends: Promise<void>[] = [];
  return {
    served,
    send(user: string, tenant?: string) {
      const work = () => new Promise<void>((end) => served.push({ user, end }));
      ends.push(turns.serve(caller(user, tenant), work));
    },
    usersServed: () => served.map(({ user }) => user).join(''),
    finish: async () => {
      served.shift()?.end();
      await settle();
    },
    /** Serves what still waits: it would be refused after 30 seconds, amid other tests. */
    finishAll: async () => {
      for (; served.length > 0; await settle()) served.shift()?.end();
      await Promise.all(ends);
    },
  };
}

test('a caller has two messages served at once, and another caller does not wait', async () => {
  const { send, usersServed, finish, finishAll } = startServing(10);
  for (let message = 0; message < 50; message += 1) send('a');
  await settle();
  expect(usersServed()).toBe('aa');
  send('b');
  await settle();
  expect(usersServed()).toBe('aab');
  await finish();
  expect(usersServed()).toBe('aba'); // b has one message, and a continues
  await finishAll();
});

test('many callers of one tenant have the share of a tenant, and another tenant does not wait', async () => {
  const { send, served, usersServed, finishAll } = startServing(4);
  for (let user = 0; user < 10; user += 1) send('a');
  for (const user of 'bcdefg') send(user);
  await settle();
  expect(served).toHaveLength(4);
  send('z', 'other');
  await settle();
  expect(usersServed()).toBe('aabcz');
  await finishAll();
});

test('each message begins in a turn of the event loop of its own', async () => {
  const turns = createCallerTurns({ connections: 10, sockets: 10_000 });
  const order: string[] = [];
  const messages = ['a', 'b'].map((user) =>
    turns.serve(caller(user), async () => void order.push(user)),
  );
  order.push('sent');
  await undefined;
  expect(order).toEqual(['sent']);
  await Promise.all(messages);
  expect(order).toEqual(['sent', 'a', 'b']);
});
