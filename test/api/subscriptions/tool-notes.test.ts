import { expect, test } from 'vitest';
import { ToolNotes } from '../../../src/api/feed/tool-notes.ts';
import type { ToolNote } from '../../../src/contracts/agents/tool-io.ts';

const logNote = (execution_id: string, data: number): ToolNote => ({
  ...{ execution_id, call_id: 'call', tool: 'tool', type: 'log', level: 'info', data },
});
const followRun = (notes: ToolNotes, id: string) => {
  const heard: unknown[] = [];
  const leave = notes.follow(id, (note) => heard.push(note.type === 'log' && note.data));
  return { heard, leave };
};

test('a late subscriber receives earlier tool notes of its run and of no other', () => {
  const notes = new ToolNotes();
  notes.add(logNote('mine', 1));
  notes.add(logNote('other', 2));
  const { heard, leave } = followRun(notes, 'mine');
  notes.add(logNote('mine', 3));
  expect(heard).toEqual([1, 3]);
  leave();
  notes.add(logNote('mine', 4));
  expect(heard).toEqual([1, 3]);
});

test('one subscriber leaving does not affect others, and only the last notes are retained', () => {
  const notes = new ToolNotes();
  const first = followRun(notes, 'mine');
  const second = followRun(notes, 'mine');
  first.leave();
  for (let n = 0; n < 600; n += 1) notes.add(logNote('mine', n));
  expect(first.heard).toEqual([]);
  expect(second.heard).toHaveLength(600);
  expect(followRun(notes, 'mine').heard).toEqual(second.heard.slice(100));
});
