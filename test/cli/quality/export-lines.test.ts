import { expect, test } from 'vitest';
import { dpoLine, sftLine } from '../../../src/cli/quality/export-lines.ts';
import type { PreferencePair, TrainingExample } from '../../../src/operations/quality/examples.ts';

// Lines to train models with: the whole conversation up to the answer.

const history = [
  { role: 'user' as const, content: 'Where is it?', data: { order: 7 } },
  { role: 'assistant' as const, content: '', data: { place: 'Ghent' } },
];
const conversation = [
  { role: 'user', content: 'Where is it?\n\n{"order":7}' },
  { role: 'assistant', content: '{"place":"Ghent"}' },
];

test('an example of a later turn has the turns before it', () => {
  const example = {
    input: 'When?',
    input_data: null,
    output: 'Monday.',
    output_data: null,
    history,
  };
  expect(sftLine(example as unknown as TrainingExample)).toEqual({
    messages: [
      ...conversation,
      { role: 'user', content: 'When?' },
      { role: 'assistant', content: 'Monday.' },
    ],
  });
});

test('a pair of a later turn has the turns before it in its prompt', () => {
  const pair = { input: 'When?', input_data: null, chosen: 'Monday.', rejected: 'Soon.', history };
  expect(dpoLine(pair as unknown as PreferencePair)).toEqual({
    prompt: [...conversation, { role: 'user', content: 'When?' }],
    chosen: [{ role: 'assistant', content: 'Monday.' }],
    rejected: [{ role: 'assistant', content: 'Soon.' }],
  });
});
