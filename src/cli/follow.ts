import { followTurn, type OpenQuestion } from '../db/conversation.ts';
import { followExecutions } from '../db/follow.ts';
import type { Execution, Step } from '../db/queries.ts';
import { exitCodes } from './exit-codes.ts';
import { type CliIo, printJson } from './output.ts';
import { endLine, errorOf, oneLine, plainText, stepLine } from './steps.ts';

/**
 * Shows a run until it ends: steps as talk, the answer as the result, the exit code by how it ended. Ctrl-C lets
 * go of the run, it does not stop it.
 */
export async function showUntilEnd(io: CliIo, url: string, id: string, after = 0): Promise<void> {
  const detach = new AbortController();
  io.onInterrupt(() => {
    io.err(`The run goes on. See it again: howdah watch ${id}`);
    detach.abort();
  });
  for await (const event of followExecutions(url, [id], after, detach.signal)) {
    if (event.type === 'step') {
      showStep(io, id, event.step);
      continue;
    }
    showEnd(io, event.execution);
    if (event.execution.status !== 'completed') {
      io.setExitCode(exitCodes.runFailed);
    }
  }
}

/** How far a turn was shown. */
export type ShownTurn = { seq: number; question: OpenQuestion | undefined; hasEnded: boolean };

/** Shows a run until it ends, asks a person, or the signal fires. */
export async function showTurn(
  io: CliIo,
  url: string,
  id: string,
  after: number,
  signal: AbortSignal,
): Promise<ShownTurn> {
  const shown: ShownTurn = { seq: after, question: undefined, hasEnded: false };
  for await (const event of followTurn(url, id, after, signal)) {
    if (event.type === 'step') {
      showStep(io, id, event.step);
      shown.seq = event.step.seq;
    } else if (event.type === 'question') {
      showQuestion(io, event.question);
      shown.question = event.question;
    } else {
      showEnd(io, event.execution);
      shown.hasEnded = true;
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

function showStep(io: CliIo, id: string, step: Step): void {
  if (io.json) {
    printJson(io, { type: 'step', execution_id: id, ...step });
  } else {
    io.err(stepLine(io, step));
  }
}

function showEnd(io: CliIo, execution: Execution): void {
  if (io.json) {
    printJson(io, { type: 'end', ...execution });
    return;
  }
  io.err(endLine(execution));
  if (execution.status === 'completed') {
    io.out(plainText(execution.output ?? ''));
  } else {
    io.err(errorOf(execution.error) ?? `the run was ${execution.status}`);
  }
}
