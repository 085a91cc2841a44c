import { expect, test } from 'vitest';
import { createHttpClient } from '../../src/client/http-client.ts';

/** Returns a `fetch` whose answers the test sends, and the log positions of its requests. */
function scriptedFetch() {
  const sent: (string | undefined)[] = [];
  const answers: ((position?: string) => void)[] = [];
  const fetch = (async (_url: string, init: RequestInit) => {
    sent.push((init.headers as Record<string, string>)['x-howdah-lsn']);
    const { promise, resolve } = Promise.withResolvers<Response>();
    answers.push((lsn) => {
      resolve(new Response('null', { headers: lsn ? { 'x-howdah-lsn': lsn } : {} }));
    });
    return promise;
  }) as typeof globalThis.fetch;
  return { fetch, sent, answers };
}

test('answers to concurrent writes that come out of order do not lower the position', async () => {
  const { fetch, sent, answers } = scriptedFetch();
  const send = createHttpClient('http://server', { fetch });
  const writes = [send('POST', '/a'), send('POST', '/b')];
  await expect.poll(() => answers.length).toBe(2);
  answers[1]?.('0/10000000');
  await writes[1];
  answers[0]?.('0/9000000'); // smaller as a number, greater as a text
  await writes[0];
  const read = send('GET', '/a');
  await expect.poll(() => answers.length).toBe(3);
  expect(sent).toEqual([undefined, undefined, '0/10000000']);
  answers[2]?.('1/0');
  await read;
  void send('GET', '/a');
  await expect.poll(() => sent.at(-1)).toBe('1/0');
});

test('answers without a valid position keep the position', async () => {
  const { fetch, sent, answers } = scriptedFetch();
  const send = createHttpClient('http://server', { fetch });
  for (const position of ['0/16B3748', undefined, 'unknown']) {
    const answer = send('GET', '/a');
    await expect.poll(() => answers.length).toBe(sent.length);
    answers.at(-1)?.(position);
    await answer;
  }
  void send('GET', '/a');
  await expect.poll(() => sent).toEqual([undefined, '0/16B3748', '0/16B3748', '0/16B3748']);
});
