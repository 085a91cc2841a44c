import { describe, expect, test } from 'vitest';
import { AnswerAssembler } from '../../../src/api/events/answer-assembler.ts';

type Act =
  | { piece: string; seq: number; attempt?: number; offset?: number }
  | { answers: [seq: number, content: string][]; step_count: number };

/** Returns the pieces that a client reads, in order, as `seq:text`. */
function read(acts: Act[], since = 0): string[] {
  const assembler = new AnswerAssembler(since);
  return acts.flatMap((act) => {
    const items =
      'piece' in act
        ? assembler.offer({
            execution_id: 'run',
            seq: act.seq,
            attempt: act.attempt ?? 1,
            text: act.piece,
            ...(act.offset !== undefined && { offset: act.offset }),
          })
        : assembler.settle({
            step_count: act.step_count,
            answers: act.answers.map(([seq, content]) => ({ seq, content, has_calls: false })),
          });
    return [...items, ...assembler.release()].flatMap((one) =>
      one.type === 'text' ? [`${one.seq}:${one.text}`] : [],
    );
  });
}

describe('the streamed text of an answer', () => {
  test('consists of its pieces, then only of the missing rest', () => {
    expect(
      read([
        { piece: 'It ', seq: 1 },
        { piece: 'left', seq: 1 },
        { answers: [[1, 'It left.']], step_count: 1 },
        { piece: '.', seq: 1 },
      ]),
    ).toEqual(['1:It ', '1:left', '1:.']);
  });

  test('has no gap for a client that missed a piece, or comes in the middle', () => {
    expect(
      read([
        { piece: 'It ', seq: 1, offset: 0 },
        { piece: '.', seq: 1, offset: 7 },
        { answers: [[1, 'It left.']], step_count: 1 },
      ]),
    ).toEqual(['1:It ', '1:left.']);
    expect(
      read([
        { piece: 'left', seq: 1, offset: 3 },
        { answers: [[1, 'It left.']], step_count: 1 },
      ]),
    ).toEqual(['1:It left.']);
    expect(
      read([
        { piece: 'It ', seq: 1, offset: 0 },
        { piece: 'I', seq: 1, attempt: 2, offset: 0 },
        { piece: ' left', seq: 1, attempt: 2, offset: 1 },
      ]),
    ).toEqual(['1:It ', '1:\n\nI', '1: left']);
  });

  test('is completed before the next answer begins', () => {
    expect(
      read([
        { piece: 'I ', seq: 1 },
        { piece: 'It is 42', seq: 3 },
        { answers: [[1, 'I count.']], step_count: 2 },
        {
          answers: [
            [1, 'I count.'],
            [3, 'It is 42.'],
          ],
          step_count: 3,
        },
      ]),
    ).toEqual(['1:I ', '1:count.', '3:It is 42', '3:.']);
  });

  test('precedes the next answer, even when none of its pieces arrived', () => {
    const first: [number, string] = [1, 'I count.'];
    expect(
      read([
        { piece: 'It is 42', seq: 3 },
        { answers: [first], step_count: 1 },
        { answers: [first], step_count: 2 },
        { answers: [first, [3, 'It is 42.']], step_count: 3 },
      ]),
    ).toEqual(['1:I count.', '3:It is 42', '3:.']);
  });

  test('is sent on arrival when earlier steps were already sent', () => {
    const acts: Act[] = [
      { piece: 'It is', seq: 5 },
      { answers: [[5, 'It is 42.']], step_count: 5 },
    ];
    expect(read(acts, 4)).toEqual(['5:It is', '5: 42.']);
  });

  test('restarts after an interruption, in the same step and in the next', () => {
    expect(
      read([
        { piece: 'It l', seq: 1 },
        { piece: 'It stayed', seq: 1, attempt: 2 },
        { answers: [], step_count: 1 },
        { piece: 'It went', seq: 2, attempt: 3 },
        { answers: [[2, 'It went.']], step_count: 2 },
      ]),
    ).toEqual(['1:It l', '1:\n\nIt stayed', '2:It went', '2:.']);
  });

  test('is sent whole and once when its early pieces exceed the buffer', () => {
    const words = Array.from({ length: 600 }, (_, place) => `${place} `);
    const early: Act[] = words.map((piece) => ({ piece, seq: 2 }));
    const content = [...words, 'late ', 'end'].join('');
    const texts = read([
      ...early,
      { answers: [], step_count: 1 },
      { piece: 'late ', seq: 2 },
      { answers: [[2, content]], step_count: 2 },
      { piece: 'next', seq: 3 },
    ]);
    const expected = words.slice(0, 500).map((word) => `2:${word}`);
    expect(texts.slice(0, 500)).toEqual(expected);
    expect(texts.slice(500)).toEqual([`2:${words.slice(500).join('')}late end`, '3:next']);
  });

  test('is repeated whole when a piece in the middle was lost', () => {
    expect(
      read([
        { piece: 'It ', seq: 1 },
        { piece: 'Monday.', seq: 1 },
        { answers: [[1, 'It left on Monday.']], step_count: 1 },
      ]),
    ).toEqual(['1:It ', '1:Monday.', '1:\n\nIt left on Monday.']);
  });
});
