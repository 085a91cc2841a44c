import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as passed } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { sendResponse } from '../../../src/api/mcp/send-response.ts';
import type { Caller } from '../../../src/mcp-server/caller.ts';
import { inMemorySubscriptions } from '../../../src/mcp-server/transport/session-subscriptions.ts';

// Limits of the memory that an MCP client can make the server use.

const STALLED_MS = 50;

/** Serves one answer, and returns the outcome of sending it. */
async function serve(body: ReadableStream<Uint8Array>) {
  const outcome = Promise.withResolvers<unknown>();
  const server = createServer((_request, response) => {
    const answer = new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    sendResponse(response, answer, STALLED_MS).then(() => outcome.resolve('sent'), outcome.resolve);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { port, outcome: outcome.promise };
}

test('a client that reads nothing of a long answer is disconnected', async () => {
  const chunk = new Uint8Array(1024 * 1024);
  const endless = new ReadableStream<Uint8Array>({ pull: (stream) => stream.enqueue(chunk) });
  const { port, outcome } = await serve(endless);
  const client = connect(port, '127.0.0.1', () =>
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
  );
  client.pause();
  onTestFinished(() => void client.destroy());
  expect(await outcome).toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
});

test('the client of a quiet stream stays connected', async () => {
  let count = 0;
  const quiet = new ReadableStream<Uint8Array>({
    async pull(stream) {
      await passed(3 * STALLED_MS); // the stream is idle
      stream.enqueue(new TextEncoder().encode(': still here\n\n'));
      count += 1;
      if (count === 2) stream.close();
    },
  });
  const { port, outcome } = await serve(quiet);
  const response = await fetch(`http://127.0.0.1:${port}`);
  expect(await response.text()).toBe(': still here\n\n'.repeat(2));
  expect(await outcome).toBe('sent');
});

test('a connection has at most a thousand subscriptions, and may replace them', async () => {
  let next = 0;
  const transact = async () => ({ id: `file:///${next}`, mark: 'm' });
  const session = inMemorySubscriptions({ transact } as unknown as Caller);
  for (next = 0; next < 1_000; next += 1) await session.subscribe('file');
  await expect(session.subscribe('file')).rejects.toMatchObject({
    code: 'HWINV',
    detail: { field: 'uri' },
  });
  await session.unsubscribe('file:///7');
  await session.subscribe('file');
  expect((await session.subscriptions()).size).toBe(1_000);
});
