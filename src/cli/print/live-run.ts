import { ERROR_CODES } from '../../contracts/errors.ts';
import { followExecutions } from '../../db/feed/follow-runs.ts';
import type { Step } from '../../db/queries/queries.ts';
import type { Question } from '../../db/queries/questions.ts';
import { isJsonObject } from '../../json/json.ts';
import { exitCodes } from '../output/exit-codes.ts';
import { type CliIo, printJson } from '../output/output.ts';
import { plainText } from '../output/terminal-text.ts';
import { questionLines } from './question.ts';
import { type Ended, endLine, errorOf, stepLine } from './step-line.ts';

export type FollowOptions = {
  /** The step after which steps are shown. */
  after?: number;
  /**
   * Handles each question of the run to a person. Returns true if the question was answered here.
   * If none was, the run is left waiting, and the exit code says so. Without a handler, questions
   * are shown and the answer of somebody else is awaited.
   */
  onQuestion?: (question: Question) => Promise<boolean>;
};

/**
 * Shows a run until it ends. Steps are talk, the answer is the result, and the exit code depends on
 * how the run ended. Ctrl-C stops following the run and does not stop the run.
 */
export async function showUntilEnd(
  io: CliIo,
  url: string,
  id: string,
  { after = 0, onQuestion }: FollowOptions = {},
): Promise<void> {
  const detach = new AbortController();
  io.onInterrupt(() => {
    io.err(`The run continues. Follow it again: howdah watch ${id}`);
    detach.abort();
  });
  for await (const event of followExecutions(url, [id], after, detach.signal)) {
    if (event.type === 'step') {
      showStep(io, id, event.step);
    } else if (event.type === 'end') {
      showEnd(io, event.execution);
      if (event.execution.status !== 'completed') {
        io.setExitCode(exitCodes.runFailed);
      }
    } else if (event.type === 'limited') {
      showLimit(io, id);
    } else {
      const isAnswered = await showQuestions(io, event.questions, onQuestion);
      if (onQuestion && !isAnswered && !detach.signal.aborted) {
        io.setExitCode(exitCodes.waitingForPerson);
        return;
      }
    }
  }
}

/** Prints one step, as it commits. */
export function showStep(io: CliIo, execution_id: string, step: Step): void {
  if (io.json) {
    printJson(io, { type: 'step', execution_id, ...step });
  } else {
    io.err(stepLine(io, step));
  }
}

/** Prints why nothing happens for now. */
export function showLimit(io: CliIo, execution_id: string): void {
  if (io.json) {
    printJson(io, { type: 'limited', execution_id });
  } else {
    io.err(`waiting: a limit is reached. The run continues when the limit allows it.
   show the limit: howdah explain ${execution_id}`);
  }
}

function showQuestion(io: CliIo, question: Question): void {
  if (io.json) {
    printJson(io, { type: 'question', ...question });
  } else {
    io.err(questionLines(question).join('\n'));
  }
}

/** Prints the questions one after the other. Returns whether any was answered. */
async function showQuestions(
  io: CliIo,
  questions: readonly Question[],
  onQuestion: FollowOptions['onQuestion'],
): Promise<boolean> {
  let isAnswered = false;
  for (const question of questions) {
    showQuestion(io, question);
    isAnswered = ((await onQuestion?.(question)) ?? false) || isAnswered;
  }
  return isAnswered;
}

/** Prints the end of a run. Its answer is the result, and anything else is talk. */
export function showEnd(io: CliIo, execution: Ended): void {
  if (io.json) {
    printJson(io, { type: 'end', ...execution });
    return;
  }
  io.err(endLine(execution));
  if (execution.status === 'completed') {
    io.out(plainText(execution.output ?? ''));
  } else {
    io.err(errorOf(execution.error) ?? `the run was ${execution.status}`);
    const errorCode = isJsonObject(execution.error) ? execution.error.code : undefined;
    const code = ERROR_CODES.find((one) => one === errorCode);
    if (io.isTerminal && code !== undefined) io.err(` hint: howdah explain ${code}`);
  }
}
