import type { OneQuestion } from '../server/operations.generated.ts';

/** A question with all that a person needs to answer it. */
export type QuestionDetail = NonNullable<OneQuestion['question']>;

/** The properties of each form of an answer. */
export type FormProps = {
  question: QuestionDetail;
  /** Called when the server has taken the answer. */
  answered(): void;
};
