import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import {
  SocketConnection,
  type SocketConnectionOptions,
} from '../../../src/api/ws/socket-connection.ts';

test('a socket is paused while too many bytes of its messages wait', async () => {
  const admitted = Promise.withResolvers<boolean>();
  const states: string[] = [];
  const socket = Object.assign(new EventEmitter(), {
    OPEN: 1,
    readyState: 1,
    pause: () => states.push('paused'),
    resume: () => states.push('resumed'),
  });
  const options = { admit: () => admitted.promise } as unknown as SocketConnectionOptions;
  new SocketConnection(socket as unknown as WebSocket, {} as IncomingMessage, options);
  const megabyte = Buffer.alloc(1024 * 1024);
  for (let count = 0; count < 3; count += 1) socket.emit('message', megabyte, false);
  expect(states).toEqual([]);
  socket.emit('message', megabyte, false);
  expect(states).toEqual(['paused']);
  admitted.resolve(false); // each message is dropped
  await new Promise(setImmediate);
  expect(states.at(-1)).toBe('resumed');
});
