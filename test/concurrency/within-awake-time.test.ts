import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withinAwakeTime } from '../../src/concurrency/within-awake-time.ts';

const late = () => new Error('late');
/** Source of a thread that answers each byte and counts the answers. */
const ECHO = `
  const { parentPort, workerData } = require('node:worker_threads');
  const answers = new Int32Array(workerData);
  const server = require('node:net').createServer((socket) => socket.on('data', (data) => socket.write(data, () => {
    Atomics.add(answers, 0, 1);
    Atomics.notify(answers, 0);
  })));
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`;

const answers = new Int32Array(new SharedArrayBuffer(4));
let thread: Worker;
let socket: Socket;

beforeAll(async () => {
  thread = new Worker(ECHO, { eval: true, workerData: answers.buffer });
  const [port] = await once(thread, 'message');
  socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
});
afterAll(async () => {
  socket.destroy();
  await thread.terminate();
});

test('an answer that arrived while this process was busy is on time', async () => {
  const answer = once(socket, 'data');
  const timer = { hasFired: false };
  const reference = setTimeout(() => {
    timer.hasFired = true;
  }, 80);
  const inTime = withinAwakeTime(80, answer, late);
  socket.write('?');
  Atomics.wait(answers, 0, 0, 10_000); // the answer has been sent
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200); // the time is over
  expect(String((await inTime)[0])).toBe('?');
  clearTimeout(reference);
  expect(timer.hasFired).toBe(true);
});

test('work that never settles times out', async () => {
  await expect(withinAwakeTime(8, new Promise(() => {}), late)).rejects.toThrow('late');
});

test('a failure of the work is rethrown unchanged', async () => {
  const failure = Promise.reject(new Error('refused'));
  await expect(withinAwakeTime(80, failure, late)).rejects.toThrow('refused');
});
