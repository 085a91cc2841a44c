import { expect, test } from 'vitest';
import { ToolCallPieces } from '../../../src/providers/openai/tool-call-pieces.ts';
import { finish } from '../../support/work/finish.ts';

test.each([
  ['objects within a text that is not closed', `{"a":"${'} {'.repeat(1_000_000)}`],
  ['closed objects between open ones', `{"a":${'} {'.repeat(1_000_000)}`],
  ['escapes in a text that is not closed', `"${'\\"'.repeat(1_000_000)}} {`],
  ['open objects', `${'{'.repeat(1_000_000)}} {`],
])('arguments with %s are read in linear time', (_, text) => {
  const pieces = new ToolCallPieces();
  pieces.addCall({ id: 'a', function: { name: 'note', arguments: text } });
  expect(finish(() => pieces.all())).toMatchObject([{ id: 'a', name: 'note', text }]);
});

test('each of many objects is a call', () => {
  const texts = Array.from({ length: 20_000 }, (_, n) => `{"n":${n},"s":"\\"}{"}`);
  const pieces = new ToolCallPieces();
  pieces.addCall({ id: 'a', function: { name: 'note', arguments: texts.join('\n') } });
  expect(finish(() => pieces.all()).map(({ text }) => text)).toEqual(texts);
});
