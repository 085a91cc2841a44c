import { followTurn, type OpenQuestion } from '../db/conversation.ts';
import { showEnd, showLimit, showStep } from './follow.ts';
import { type CliIo, printJson } from './output.ts';
import { oneLine, plainText } from './steps.ts';

/** How far a turn was shown. */
export type ShownTurn = {
  seq: number;
  question: OpenQuestion | undefined;
  hasEnded: boolean;
  hasFailed: boolean;
};

/** Shows a run until it ends, asks a person, or the signal fires. */
export async function showTurn(
  io: CliIo,
  url: string,
  id: string,
  after: number,
  signal: AbortSignal,
): Promise<ShownTurn> {
  const shown: ShownTurn = { seq: after, question: undefined, hasEnded: false, hasFailed: false };
  for await (const event of followTurn(url, id, after, signal)) {
    if (event.type === 'step') {
      showStep(io, id, event.step);
      shown.seq = event.step.seq;
    } else if (event.type === 'question') {
      showQuestion(io, event.question);
      shown.question = event.question;
    } else if (event.type === 'limited') {
      showLimit(io, id);
    } else {
      showEnd(io, event.execution);
      shown.hasEnded = true;
      shown.hasFailed = event.execution.status !== 'completed';
    }
  }
  return shown;
}

/** What a run asks: part of the result, since a person has to read it. */
export function showQuestion(io: CliIo, question: OpenQuestion): void {
  if (io.json) {
    printJson(io, { type: 'question', ...question });
    return;
  }
  io.out(plainText(question.prompt));
  if (question.options) {
    io.err(
      `answer one of: ${question.options.map((option) => oneLine(String(option))).join(' · ')}`,
    );
  }
}
