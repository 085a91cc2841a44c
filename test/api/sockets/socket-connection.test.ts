import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { createCallerTurns } from '../../../src/api/limits/caller-turns.ts';
import type { Frame } from '../../../src/api/sockets/inbox.ts';
import {
  SocketConnection,
  type SocketConnectionOptions,
  type SocketProtocol,
} from '../../../src/api/sockets/socket-connection.ts';

/** A socket without a network, with the states of its reader and the texts that were sent. */
function fakeSocket() {
  const states: string[] = [];
  const sent: string[] = [];
  const socket = Object.assign(new EventEmitter(), {
    OPEN: 1,
    readyState: 1,
    bufferedAmount: 0,
    pause: () => states.push('paused'),
    resume: () => states.push('resumed'),
    send: (text: string, done: () => void) => {
      sent.push(text);
      done();
    },
  });
  return { socket: socket as unknown as WebSocket & EventEmitter, states, sent };
}

const silent: SocketProtocol = {
  authorizationIn: () => undefined,
  serve: async () => ({ text: 'served' }),
  refuse: (_frame, error) => ({ text: (error as Error).message }),
  close: () => {},
};

function optionsOf(options: Partial<SocketConnectionOptions>): SocketConnectionOptions {
  return {
    logins: { admit: async () => true },
    identities: new WeakMap(),
    turns: createCallerTurns({ connections: 10, sockets: 100 }),
    mostBytesFor: async () => 100,
    createProtocol: () => silent,
    ...options,
  };
}
const request = {} as IncomingMessage;
const settle = async () => {
  for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
};

test('a socket is paused while too many bytes of its messages wait', async () => {
  const admitted = Promise.withResolvers<boolean>();
  const { socket, states } = fakeSocket();
  const logins = { admit: () => admitted.promise };
  new SocketConnection(socket, request, optionsOf({ logins }));
  const megabyte = Buffer.alloc(1024 * 1024);
  for (let count = 0; count < 3; count += 1) socket.emit('message', megabyte, false);
  expect(states).toEqual([]);
  socket.emit('message', megabyte, false);
  expect(states).toEqual(['paused']);
  admitted.resolve(false); // each message is dropped
  await new Promise(setImmediate);
  expect(states.at(-1)).toBe('resumed');
});

test('fifty sockets of one caller share two turns, and are not read; others are served', async () => {
  const served: string[] = [];
  const ends: (() => void)[] = [];
  const turns = createCallerTurns({ connections: 10, sockets: 100 });
  const serve = (frame: Frame) => {
    served.push(String(frame.data));
    return new Promise<{ text: string }>((resolve) => ends.push(() => resolve({ text: 'done' })));
  };
  const open = (userId: string) => {
    const { socket, states } = fakeSocket();
    const identities = new WeakMap([[socket as object, { tenantId: 't', userId, role: 'viewer' }]]);
    const createProtocol = () => ({ ...silent, serve });
    const options = optionsOf({ turns, createProtocol, identities: identities as never });
    new SocketConnection(socket, request, options);
    return { socket, states };
  };
  const flood = Array.from({ length: 50 }, () => open('flood'));
  for (const { socket } of flood) {
    for (let count = 0; count < 20; count += 1) socket.emit('message', Buffer.from('flood'), false);
  }
  await settle();
  expect(served).toEqual(['flood', 'flood']);
  expect(flood.every(({ states }) => states.at(-1) === 'paused')).toBe(true);
  open('other').socket.emit('message', Buffer.from('other'), false);
  await settle();
  expect(served).toEqual(['flood', 'flood', 'other']);
  for (const end of ends.splice(0)) end();
  await settle();
  expect(served.filter((one) => one === 'flood')).toHaveLength(4);
});

test('a client that reads nothing keeps no turn', async () => {
  const { socket } = fakeSocket();
  const sent = Promise.withResolvers<void>();
  Object.assign(socket, {
    bufferedAmount: 1e6,
    send: () => sent.resolve(), // never reports that the text was sent
  });
  const identity = { tenantId: 't', userId: 'u', role: 'viewer' };
  const identities = new WeakMap([[socket as object, identity]]) as never;
  const turns = createCallerTurns({ connections: 10, sockets: 100 });
  new SocketConnection(socket, request, optionsOf({ identities, turns }));
  socket.emit('message', Buffer.from('{}'), false);
  await sent.promise;
  const other = await turns.serve(identity as never, async () => 'served');
  expect(other).toBe('served');
});

test('a message longer than its caller may send is refused, and later ones are served', async () => {
  const { socket, sent } = fakeSocket();
  const identity = { tenantId: 't', userId: 'u', role: 'viewer' };
  const identities = new WeakMap([[socket as object, identity]]) as never;
  const createProtocol = (connection: SocketConnection) => ({
    ...silent,
    async serve(frame: Frame) {
      await connection.checkSize(frame);
      return { text: 'served' };
    },
  });
  new SocketConnection(socket, request, optionsOf({ identities, createProtocol }));
  socket.emit('message', Buffer.alloc(20_000), false);
  socket.emit('message', Buffer.from('{}'), false);
  await settle();
  expect(sent).toEqual(['A message may have at most 100 bytes.', 'served']);
});
