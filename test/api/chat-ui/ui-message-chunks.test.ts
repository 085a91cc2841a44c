import { expect, test } from 'vitest';
import { UiMessageChunks } from '../../../src/api/chat-ui/ui-message-chunks.ts';
import type { RunItem } from '../../../src/api/events/follow-run.ts';

test('a cited address that is no web page is not sent as a source', () => {
  const urls = ['https://news.example/1', 'javascript:alert(1)', 'data:text/html,x', ' HTTP://x'];
  const parts = urls.map((url) => ({ type: 'citation', url }));
  const item = {
    type: 'step',
    row: { seq: 1, step: { kind: 'model' } },
    details: { messages: [{ role: 'assistant', content: 'Hi', parts }] },
  } as unknown as RunItem;
  const run = { id: 'run', since: 0, messageId: 'run', callIds: [], answered: [] };
  const chunks = [...new UiMessageChunks(run).chunksOf(item)];
  expect(chunks.filter(({ type }) => type === 'source-url').map(({ url }) => url)).toEqual([
    'https://news.example/1',
  ]);
});
