import { expect, test } from 'vitest';
import { parseServerSentEvents } from '../../src/client/parse-sse.ts';

async function parseChunks(...chunks: string[]): Promise<object[]> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      controller.close();
    },
  });
  const events: object[] = [];
  for await (const event of parseServerSentEvents(body)) events.push(event);
  return events;
}

test('an empty line ends an event, with any line ending and any chunk boundary', async () => {
  const events = [
    { event: 'token', data: { text: 'a' }, id: '1.1' },
    { event: 'complete', data: { output: null } },
  ];
  for (const end of ['\n', '\r\n', '\r']) {
    const text = [
      ': a comment',
      '',
      'id: 1.1',
      'event: token',
      'data: {"text":',
      'data: "a"}',
      '',
      'data: {"has": "no name"}',
      '',
      'event:complete',
      'data:{"output":null}',
      '',
      'event: token',
      'data: {"is": "cut',
    ].join(end);
    expect(await parseChunks(text)).toEqual(events);
    expect(await parseChunks(...text)).toEqual(events);
  }
});

test('an event that is not JSON ends the stream with an error', async () => {
  await expect(parseChunks('event: token\ndata: <html>\n\n')).rejects.toMatchObject({
    code: 'bad_answer',
    hint: expect.stringContaining('proxy'),
  });
});

const MEGABYTE = 'x'.repeat(1024 * 1024);

/** Returns a body that repeats a text endlessly after its start, and the number of its reads. */
function createEndlessBody(start: string, text: string) {
  const read = { count: 0 };
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(new TextEncoder().encode(read.count === 0 ? start : text));
      read.count += 1;
    },
  });
  return { body, read };
}

test.each([
  ['one long line', 'data: ', MEGABYTE],
  ['many data lines', 'event: token\n', `data: ${MEGABYTE}\n`],
  ['many data lines that end with CRLF', 'event: token\r\n', `data: ${MEGABYTE}\r\n`],
])('an event without an end is an error at 64 MB: %s', async (_, start, text) => {
  const { body, read } = createEndlessBody(start, text);
  await expect(parseServerSentEvents(body).next()).rejects.toMatchObject({ code: 'bad_answer' });
  expect(read.count).toBeLessThan(70);
});

test('comments and unknown fields of any length are skipped', async () => {
  const long = Array.from({ length: 70 }, () => MEGABYTE);
  expect(
    await parseChunks(': ', ...long, '\n', 'other: ', ...long, '\nevent: token\ndata: {}\n\n'),
  ).toEqual([{ event: 'token', data: {} }]);
});
