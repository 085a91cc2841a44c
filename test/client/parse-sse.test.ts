import { expect, test } from 'vitest';
import { parseServerSentEvents } from '../../src/client/parse-sse.ts';

async function parsed(...chunks: string[]): Promise<object[]> {
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

test('events end with an empty line, whatever ends the lines, wherever chunks end', async () => {
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
    expect(await parsed(text)).toEqual(events);
    expect(await parsed(...text)).toEqual(events);
  }
});

test('an event that is not JSON ends the stream with an error', async () => {
  await expect(parsed('event: token\ndata: <html>\n\n')).rejects.toMatchObject({
    code: 'bad_answer',
    hint: expect.stringContaining('proxy'),
  });
});
