import { expect, test } from 'vitest';
import { AnswersSoFar } from '../../../src/api/feed/answers-so-far.ts';

const ID = '01890000-0000-7000-8000-000000000001';
const piece = (offset: number, text: string, seq = 1, attempt = 1) => ({
  ...{ execution_id: ID, seq, attempt, offset, text },
});

test('joins the pieces of an answer until its step is committed', () => {
  const answers = new AnswersSoFar();
  answers.add(piece(0, 'It '));
  answers.add(piece(3, 'left'));
  expect(answers.of(ID)).toEqual(piece(0, 'It left'));
  answers.settle(ID, 0);
  expect(answers.of(ID)).toBeDefined();
  answers.settle(ID, 1);
  expect(answers.of(ID)).toBeUndefined();
});

test('omits an answer of which a piece was missed, until the next one begins', () => {
  const answers = new AnswersSoFar();
  answers.add(piece(3, 'left'));
  expect(answers.of(ID)).toBeUndefined();
  answers.add(piece(0, 'It '));
  answers.add(piece(7, '.'));
  expect(answers.of(ID)).toBeUndefined();
  answers.add(piece(0, 'I', 1, 2));
  expect(answers.of(ID)).toEqual(piece(0, 'I', 1, 2));
  answers.drop(ID);
  expect(answers.of(ID)).toBeUndefined();
});
