import { isOfTop } from '../../client/follow-events.ts';
import { ERROR_CODES } from '../../contracts/errors.ts';
import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import type { PlaceInTree } from '../../db/feed/run-reader.ts';
import type { Step } from '../../db/queries/queries.ts';
import type { Question } from '../../db/queries/questions.ts';
import { isJsonObject } from '../../json/json.ts';
import type { FollowedEvent, RunBackend } from '../backend/backend.ts';
import { exitCodes } from '../output/exit-codes.ts';
import { type CliIo, paint, printJson } from '../output/output.ts';
import { oneLine, plainText } from '../output/terminal-text.ts';
import { memberLines } from './members.ts';
import { answerCommands, questionLines } from './question.ts';
import { CUT_OFF, type Ended, endLine, errorOf, stepLine } from './step-line.ts';

/** The option of commands that also follow descendant runs. */
export const TREE_OPTION = [
  '--tree',
  'also show descendant runs: sub-agents and members of workflows',
] as const;

type FollowOptions = {
  /** The step after which events are shown. */
  after?: number;
  /** True to also show all runs below. */
  tree?: boolean;
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
  runs: Pick<RunBackend, 'follow' | 'find' | 'tree'>,
  id: string,
  { after = 0, tree = false, onQuestion }: FollowOptions = {},
): Promise<void> {
  const detach = new AbortController();
  io.onInterrupt(() => {
    io.err(`The run was not cancelled. Follow it again: howdah watch ${id}`);
    detach.abort();
  });
  for await (const event of runs.follow(id, { after, tree }, detach.signal)) {
    showEvent(io, id, event);
    const status = endStatusOf(event);
    if (status !== undefined && !io.json && !tree) (await memberLines(runs, id)).forEach(io.err);
    if (status !== undefined && status !== 'completed') io.setExitCode(exitCodes.runFailed);
    const questions = questionsOf(event);
    if (questions.length === 0) continue;
    const show = event.type === 'streamed' ? showAnswerCommands : showQuestion;
    const isAnswered = await showQuestions(io, questions, show, onQuestion);
    if (onQuestion && !isAnswered && !detach.signal.aborted) {
      io.setExitCode(exitCodes.waitingForPerson);
      return;
    }
  }
}

/** Prints an event of a run. Questions are printed separately. */
function showEvent(io: CliIo, id: string, event: FollowedEvent): void {
  if (event.type === 'streamed') showStreamEvent(io, event.event);
  else if (isBelow(event)) showBelow(io, event);
  else if (event.type === 'step') showStep(io, id, event.step, event.path);
  else if (event.type === 'limited') showLimit(io, id);
  else if (event.type === 'end') showEnd(io, event.execution, event.path);
}

type LogEvent =
  | Exclude<FollowedEvent, { type: 'streamed' | 'end' }>
  | ({ type: 'end'; id: string; execution: Ended } & Partial<PlaceInTree>);

/** Returns whether an event belongs to a run below the followed run. */
export function isBelow({ path = [] }: Partial<PlaceInTree>): boolean {
  return path.length > 1;
}

/** Prints an event of a run below, indented by its depth. All of it is talk. */
export function showBelow(io: CliIo, event: LogEvent): void {
  const { path = [], agent = null, id: execution_id } = event;
  const label = labelOf(io, path.length - 1, agent);
  if (event.type === 'step') {
    const { step } = event;
    if (io.json) printJson(io, { type: 'step', execution_id, path, agent, ...step });
    else io.err(label + stepLine(io, step));
  } else if (event.type === 'end') {
    if (io.json) printJson(io, { type: 'end', path, ...event.execution });
    else io.err(label + endLine(event.execution));
  } else if (event.type === 'limited') showLimit(io, execution_id);
}

function labelOf(io: CliIo, depth: number, agent: unknown): string {
  return `${'  '.repeat(depth)}${paint(io, 'dim', plainText(String(agent ?? '')))} `;
}

/** Returns the final status of the run if the event ends the run. */
function endStatusOf(event: FollowedEvent): unknown {
  if (event.type === 'end') return isBelow(event) ? undefined : event.execution.status;
  const isEnd =
    event.type === 'streamed' && event.event.event === 'complete' && isOfTop(event.event);
  return isEnd ? event.event.data.status : undefined;
}

function questionsOf(event: FollowedEvent): readonly Question[] {
  if (event.type === 'questions') return event.questions;
  return event.type === 'streamed' && event.question ? [event.question] : [];
}

/** Prints one step, as it commits. */
export function showStep(
  io: CliIo,
  execution_id: string,
  step: Step,
  path?: readonly string[],
): void {
  if (io.json) {
    printJson(io, { type: 'step', execution_id, ...(path && { path }), ...step });
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

/** Prints how to answer a question that an event of a stream has already shown. */
function showAnswerCommands(io: CliIo, question: Question): void {
  if (!io.json) io.err(answerCommands(question).join('\n'));
}

/** Prints the questions one after the other. Returns whether any was answered. */
async function showQuestions(
  io: CliIo,
  questions: readonly Question[],
  show: (io: CliIo, question: Question) => void,
  onQuestion: FollowOptions['onQuestion'],
): Promise<boolean> {
  let isAnswered = false;
  for (const question of questions) {
    show(io, question);
    isAnswered = ((await onQuestion?.(question)) ?? false) || isAnswered;
  }
  return isAnswered;
}

/** Prints the end of a run. Its answer is the result, and anything else is talk. */
export function showEnd(io: CliIo, execution: Ended, path?: readonly string[]): void {
  if (io.json) {
    printJson(io, { type: 'end', ...(path && { path }), ...execution });
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

/** Prints an event of a stream. The answer is the result, and anything else is talk. */
function showStreamEvent(io: CliIo, streamEvent: StreamEvent): void {
  if (io.json) {
    printJson(io, streamEvent);
    return;
  }
  const { event, data } = streamEvent;
  const isTop = isOfTop(streamEvent);
  if (event !== 'complete' || !isTop) {
    const depth = Array.isArray(data.path) ? data.path.length - 1 : 0;
    const label = isTop ? '' : labelOf(io, depth, data.agent);
    const seq = String(data.seq ?? '').padStart(3);
    io.err(`${label}${seq}  ${event.padEnd(11)} ${paint(io, 'dim', wordsOf(streamEvent))}`);
    return;
  }
  const tokens = Number(data.tokens_in) + Number(data.tokens_out);
  const cut = data.finish_reason === 'length' ? ` · ${CUT_OFF}` : '';
  io.err(`${data.status} (${data.stop_reason})${cut} · ${tokens} tokens · cost ${data.cost}`);
  if (data.status === 'completed') io.out(plainText(String(data.output ?? '')));
  else io.err(errorOf(data.error) ?? `the run was ${data.status}`);
}

/** Returns the text of an event in one line. */
function wordsOf({ data }: StreamEvent): string {
  const share = typeof data.percent === 'number' ? `${data.percent} %` : undefined;
  const said =
    data.prompt ??
    errorOf(data.error) ??
    data.message ??
    share ??
    data.content ??
    data.output ??
    data.arguments ??
    '';
  const named = data.tool ?? data.name ?? (data.kind === 'fork' ? 'fork' : undefined);
  const name = typeof named === 'string' ? `${named} ` : '';
  return name + oneLine(typeof said === 'string' ? said : JSON.stringify(said));
}
