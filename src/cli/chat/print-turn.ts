import type { ChatQuestion } from '../../db/queries/chat-session.ts';
import type { TurnItem } from '../backend/chat-backend.ts';
import { type CliIo, printJson } from '../output/output.ts';
import { oneLine, plainText } from '../output/terminal-text.ts';
import { isBelow, showBelow, showEnd, showLimit, showStep } from '../print/live-run.ts';
import { endLine } from '../print/step-line.ts';
import { createTokenPrinter } from './token-printer.ts';

/** The part of a turn that was shown. */
export type PrintedTurn = {
  seq: number;
  question: ChatQuestion | undefined;
  hasEnded: boolean;
  hasFailed: boolean;
};

/** Prints the events of a run after a step, until the run ends or asks a person. */
export async function printTurn(
  io: CliIo,
  id: string,
  after: number,
  turn: AsyncIterable<TurnItem>,
): Promise<PrintedTurn> {
  const shown: PrintedTurn = { seq: after, question: undefined, hasEnded: false, hasFailed: false };
  const streamed = createTokenPrinter(io);
  for await (const event of turn) {
    if (event.type === 'token') {
      streamed.piece(event.piece);
    } else if (event.type === 'question') {
      showQuestion(io, event.question);
      shown.question = event.question;
    } else if (isBelow(event)) {
      streamed.endLine();
      showBelow(io, event);
    } else if (event.type === 'step') {
      const isThere = streamed.completes(event.step);
      const step = isThere && !io.json ? { ...event.step, said: null } : event.step;
      showStep(io, id, step, event.path);
      shown.seq = event.step.seq;
    } else if (event.type === 'limited') {
      showLimit(io, id);
    } else {
      showAnswer(io, event, streamed.hasShown(event.execution.output ?? ''));
      shown.hasEnded = true;
      shown.hasFailed = event.execution.status !== 'completed';
    }
  }
  return shown;
}

type TurnEnd = Extract<TurnItem, { type: 'end' }>;

/** Prints the end of a run. An answer that is already on the terminal is not printed again. */
function showAnswer(io: CliIo, { execution, path }: TurnEnd, isThere: boolean): void {
  if (isThere && !io.json && execution.status === 'completed') io.err(endLine(execution));
  else showEnd(io, execution, path);
}

/** Prints the question of a run. It is part of the result, because a person has to read it. */
export function showQuestion(io: CliIo, question: ChatQuestion): void {
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
