import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { HowdahError } from '../../../src/contracts/errors.ts';
import type { Caller } from '../../../src/mcp-server/caller.ts';
import { serveMcpStdio } from '../../../src/mcp-server/transport/stdio.ts';

test('a subscription that is refused while a client begins to listen is reported', async () => {
  const refusal = new HowdahError('HWNTF', 'there is no run');
  const caller = {
    key: 'one',
    transact: async () => {
      throw refusal;
    },
    lists: async () => ({}),
    subscriptions: async () => new Map(),
    explain: () => ({ code: 'HWNTF', message: 'there is no run' }),
  } as unknown as Caller;
  const errors: unknown[] = [];
  const input = new PassThrough();
  const output = new PassThrough();
  const stop = new AbortController();
  const served = serveMcpStdio({
    ...{ caller, input, output, onDisconnect: 'continue', signal: stop.signal },
    onError: (error) => errors.push(error),
  });
  const uri = 'howdah://executions/00000000-0000-4000-8000-000000000000';
  const params = { notifications: { resourceSubscriptions: [uri] } };
  const request = { jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params };
  input.write(`${JSON.stringify(request)}\n`);
  await expect.poll(() => errors).toContain(refusal);
  stop.abort();
  input.end();
  await served;
});
