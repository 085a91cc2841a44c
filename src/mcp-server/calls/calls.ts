import {
  type CallToolRequest,
  type CallToolResult,
  type InputRequiredResult,
  inputRequired,
  ProtocolError,
  SdkError,
  SdkErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { answer, cancelRun } from '../../db/mcp/offered-tools.ts';
import { findExecution, queriesWithin } from '../../db/queries/queries.ts';
import { type Question, questionsInTheWay } from '../../db/queries/questions.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import type { Caller } from '../caller.ts';
import { contentOf } from '../resources/content.ts';
import { UUID } from '../resources/uris.ts';
import { ANSWER_TOOL, answerByTool } from './answer-tool.ts';
import { type Abilities, canBeAsked, inputFor, type Response, responseTo } from './client-input.ts';
import { replyOf } from './elicitation.ts';
import { createRunLog } from './log-messages.ts';
import { createProgress } from './progress.ts';
import { refusedCall } from './refusals.ts';
import { endedResult, waitingResult } from './results.ts';
import { beginByTool, callsTool } from './tools.ts';

/** How a person or a model is asked by the client. What it cannot be asked the result tells, and that the run waits. */
export type Asking = {
  can: Abilities;
} /** The result asks, and the call comes again with the answers. */ & (
  | { by: 'result' }
  /** A request of ours asks; what came of it is heard as an event of the run, or seen by the run going on. */
  | { by: 'request'; ask(question: Question, fault: string | null): Promise<void> }
);

/** What a call brings along besides itself. */
export type CallContext = {
  caller: Caller;
  asking: Asking;
  /** What its run is found by, when somebody cancels it in another request. */
  metadata: JsonObject;
  /** What becomes of the run when the client is gone. */
  onDisconnect: 'continue' | 'cancel';
  /** This process closes: whoever is gone has not left. */
  isClosing(): boolean;
  /** The least grave log message the client wants, where it said so once. */
  logLevel(): Promise<string | null>;
};

type Outcome = CallToolResult | InputRequiredResult;

/** So often a person is asked the same: beyond, his client may not know how to answer at all. */
const MOST_ASKS = 3;
/** What comes back with the answers: the run, and how often was asked. Whoever writes another one sees no more than he may read. */
const STATE = /^([0-9a-f-]{36}) (\d)$/;

/** Begins what the tool stands for, or goes on with it, and stays with it until it has ended or waits for a person. */
export async function callTool(
  context: CallContext,
  { name, arguments: args = {} }: CallToolRequest['params'],
  ctx: ServerContext,
): Promise<Outcome> {
  const { caller } = context;
  try {
    const state = ctx.mcpReq.requestState();
    if (state !== undefined) return await goOn(context, String(state), name, ctx);
    if (name === ANSWER_TOOL) {
      return await stayWith(context, await answerByTool(caller, args as JsonObject), ctx);
    }
    const { id, isOneTool } = await beginByTool(caller, name, args as JsonObject, context.metadata);
    return await stayWith(context, id, ctx, { ...NOTHING_ASKED, isOneTool });
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    return refusedCall(caller.explain(error));
  }
}

/** The call comes again, with what people have answered. */
async function goOn(
  context: CallContext,
  state: string,
  name: string,
  ctx: ServerContext,
): Promise<Outcome> {
  const { caller } = context;
  const [, id, rounds] = STATE.exec(state) ?? [];
  if (id === undefined || !UUID.test(id)) return endedResult(state.slice(0, 36), undefined);
  const questions = await caller.transact((client) => questionsInTheWay(queriesWithin(client), id));
  const faults = new Map<string, string>();
  for (const question of questions) {
    const response = ctx.mcpReq.inputResponses?.[question.id];
    if (response === undefined) continue;
    const said = responseTo(question, response as Json);
    if (!said) return waitingResult(id, questions, UNANSWERED);
    const fault = await settled(caller, question, said);
    if (fault !== null) faults.set(question.id, fault);
  }
  const asks = Number(rounds);
  const [fault] = faults.values();
  if (fault !== undefined && asks >= MOST_ASKS) return waitingResult(id, questions, fault);
  const isOneTool = await callsTool(caller, name);
  return stayWith(context, id, ctx, { faults, asks: fault === undefined ? 0 : asks, isOneTool });
}

const UNANSWERED = 'Nobody would answer.';

/** Answers with what was written into a form; gives what is wrong with it, null when it counts or another answer was quicker. */
export async function settled(
  caller: Caller,
  question: Question,
  said: NonNullable<Response>,
): Promise<string | null> {
  const { text, data } =
    'text' in said ? { ...said, data: undefined } : replyOf(question, said.content);
  try {
    await caller.transact((client) => answer(client, question.id, text, data));
    return null;
  } catch (error) {
    const told = caller.explain(error);
    if (told.code === 'HWINV') return told.message;
    if (told.code === 'HWCNF') return null;
    throw error;
  }
}

/** What was asked before, what was wrong with the answers, and whether the run is one tool. */
type Asked = { faults: ReadonlyMap<string, string>; asks: number; isOneTool: boolean };

const NOTHING_ASKED: Asked = { faults: new Map(), asks: 0, isOneTool: false };

async function stayWith(
  context: CallContext,
  id: string,
  ctx: ServerContext,
  before: Asked = NOTHING_ASKED,
): Promise<Outcome> {
  const { caller, asking } = context;
  const { signal } = ctx.mcpReq;
  const open = new Map<string, { question: Question; asks: number }>();
  const log = createRunLog(id, ctx, await context.logLevel());
  const report = createProgress(ctx, before.isOneTool);
  for await (const event of caller.follow(id, signal)) {
    await report(event);
    await log(event);
    if (event.type === 'end') break;
    if (event.type === 'questions') {
      for (const question of event.questions) open.set(question.id, { question, asks: 1 });
      if (!event.questions.every((question) => canBeAsked(asking.can, question))) {
        return waitingResult(id, event.questions);
      }
      if (asking.by === 'result') return required(id, event.questions, before, asking.can);
      for (const question of event.questions) await asking.ask(question, null);
    }
    const asked = event.type === 'unanswered' && open.get(event.question);
    if (!asked || asking.by !== 'request') continue;
    const { question, asks } = asked;
    if (event.fault === null || asks >= MOST_ASKS) {
      return waitingResult(id, [question], event.fault ?? UNANSWERED);
    }
    open.set(question.id, { question, asks: asks + 1 });
    await asking.ask(question, event.fault);
  }
  if (signal.aborted) await abandon(context, id, signal);
  return caller.transact(async (client) => {
    const run = await findExecution(queriesWithin(client), id);
    const content = run?.status === 'completed' ? await contentOf(client, id) : [];
    return endedResult(id, run, content);
  });
}

function required(
  id: string,
  questions: readonly Question[],
  { faults, asks }: Asked,
  can: Abilities,
): InputRequiredResult {
  return inputRequired({
    requestState: `${id} ${asks + 1}`,
    inputRequests: Object.fromEntries(
      questions.map((question) => [
        question.id,
        inputFor(question, faults.get(question.id) ?? null, can),
      ]),
    ),
  });
}

/** Nobody waits for the answer any more: whoever said so wants the run ended, whoever has vanished may have lost his connection. */
async function abandon(context: CallContext, id: string, signal: AbortSignal): Promise<void> {
  const isGone =
    SdkError.isInstance(signal.reason) && signal.reason.code === SdkErrorCode.ConnectionClosed;
  if (isGone && (context.isClosing() || context.onDisconnect === 'continue')) return;
  await context.caller.transact((client) => cancelRun(client, id));
}
