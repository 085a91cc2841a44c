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
import { answer, cancelToolRun } from '../../db/mcp/offered-tools.ts';
import { findExecutionRow, queriesWithin } from '../../db/queries/queries.ts';
import { type Question, questionsInTheWay } from '../../db/queries/questions.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { parseExecutionHeader } from '../../network/execution-header.ts';
import type { Caller } from '../caller.ts';
import { contentOf } from '../resources/result-content.ts';
import { UUID } from '../resources/uris.ts';
import { callsTool, startRunByTool } from './agent-tools.ts';
import { ANSWER_TOOL, answerByTool } from './answer-tool.ts';
import { createProgress } from './call-progress.ts';
import {
  type Abilities,
  type ClientResponse,
  canAsk,
  inputFor,
  responseTo,
} from './client-input.ts';
import { createRunLog } from './log-messages.ts';
import { restoreArguments } from './protected-arguments.ts';
import { replyOf } from './question-form.ts';
import { refusedCall } from './refusals.ts';
import { endedResult, waitingResult } from './results.ts';

/**
 * The way in which a client asks a person or a model. If the client cannot ask, the result of the
 * call contains the questions and says that the run waits.
 */
export type Asking = {
  can: Abilities;
} /** The result asks, and the client repeats the call with the answers. */ & (
  | { by: 'result' }
  /** A request of ours asks. The outcome is an event of the run, or the run continues. */
  | { by: 'request'; ask(question: Question, fault: string | null): Promise<void> }
);

/** The context of a call. */
export type CallContext = {
  caller: Caller;
  asking: Asking;
  /** Metadata by which another request finds the run, to cancel it. */
  metadata: JsonObject;
  /** The action on the run when the client has disconnected. */
  onDisconnect: 'continue' | 'cancel';
  /** Returns whether this process closes. A client that disconnects then has not left by itself. */
  isClosing(): boolean;
  /** Returns the lowest log level that the client wants, if the client has set one. */
  logLevel(): Promise<string | null>;
};

/** The key of a call of our own MCP client, `execution:seq:call`. */
const IDEMPOTENCY_KEY = 'howdah/idempotency-key';

type Outcome = CallToolResult | InputRequiredResult;

/**
 * Most times that a person is asked the same question. After that, the client may be unable to
 * answer at all.
 */
const MAX_ASKS = 3;
/**
 * The state that comes back with the answers: the run, and how often people were asked. A client
 * that writes another state sees no more than it may read.
 */
const STATE = /^([0-9a-f-]{36}) (\d)$/;

/**
 * Starts the run of a tool, or continues it. Follows the run until it has ended or waits for a
 * person.
 */
export async function callTool(
  context: CallContext,
  { name, arguments: sent = {}, _meta }: CallToolRequest['params'],
  ctx: ServerContext,
): Promise<Outcome> {
  const { caller } = context;
  const args = restoreArguments(sent as JsonObject);
  try {
    const state = ctx.mcpReq.requestState();
    if (state !== undefined) return await continueCall(context, String(state), name, ctx);
    if (name === ANSWER_TOOL) {
      return await followToResult(context, await answerByTool(caller, args), ctx);
    }
    const { id, isOneTool } = await startRunByTool(caller, name, args, {
      metadata: context.metadata,
      causedBy: callingRun(_meta?.[IDEMPOTENCY_KEY]),
    });
    return await followToResult(context, id, ctx, { ...NO_EARLIER_ASKS, isOneTool });
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    return refusedCall(caller.explain(error));
  }
}

/** Returns the run of Howdah whose tool makes the call, from the key of the call. */
function callingRun(key: unknown): string | undefined {
  return typeof key === 'string' ? parseExecutionHeader(key.split(':')[0]) : undefined;
}

/** Continues a call that comes again with the answers of people. */
async function continueCall(
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
    const reply = responseTo(question, response as Json);
    if (!reply) return waitingResult(id, questions, UNANSWERED);
    const fault = await submitReply(caller, question, reply);
    if (fault !== null) faults.set(question.id, fault);
  }
  const asks = Number(rounds);
  const [fault] = faults.values();
  if (fault !== undefined && asks >= MAX_ASKS) return waitingResult(id, questions, fault);
  const isOneTool = await callsTool(caller, name);
  return followToResult(context, id, ctx, {
    faults,
    asks: fault === undefined ? 0 : asks,
    isOneTool,
  });
}

const UNANSWERED = 'The person did not answer.';

/**
 * Answers a question with the content of a form. Returns what is wrong with the answer, or null if
 * the answer counts or another answer came first.
 */
export async function submitReply(
  caller: Caller,
  question: Question,
  reply: NonNullable<ClientResponse>,
): Promise<string | null> {
  const { text, data } =
    'text' in reply ? { ...reply, data: undefined } : replyOf(question, reply.content);
  try {
    await caller.transact((client) => answer(client, question.id, text, data));
    return null;
  } catch (error) {
    const failure = caller.explain(error);
    if (failure.code === 'HWINV') return failure.message;
    if (failure.code === 'HWCNF') return null;
    throw error;
  }
}

/**
 * Earlier requests for answers: the faults of the answers, the number of requests, and whether the
 * run is one tool.
 */
type EarlierAsks = { faults: ReadonlyMap<string, string>; asks: number; isOneTool: boolean };

const NO_EARLIER_ASKS: EarlierAsks = { faults: new Map(), asks: 0, isOneTool: false };

/** Follows a run until it has ended or waits for a person. Returns the result of its call. */
async function followToResult(
  context: CallContext,
  id: string,
  ctx: ServerContext,
  before: EarlierAsks = NO_EARLIER_ASKS,
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
      if (!event.questions.every((question) => canAsk(asking.can, question))) {
        return waitingResult(id, event.questions);
      }
      if (asking.by === 'result')
        return inputRequiredResult(id, event.questions, before, asking.can);
      for (const question of event.questions) await asking.ask(question, null);
    }
    const openEntry = event.type === 'unanswered' && open.get(event.question);
    if (!openEntry || asking.by !== 'request') continue;
    const { question, asks } = openEntry;
    if (event.fault === null || asks >= MAX_ASKS) {
      return waitingResult(id, [question], event.fault ?? UNANSWERED);
    }
    open.set(question.id, { question, asks: asks + 1 });
    await asking.ask(question, event.fault);
  }
  if (signal.aborted) await cancelUnlessContinued(context, id, signal);
  return caller.transact(async (client) => {
    const run = await findExecutionRow(queriesWithin(client), id);
    const content = run?.status === 'completed' ? await contentOf(client, id) : [];
    return endedResult(id, run, content);
  });
}

function inputRequiredResult(
  id: string,
  questions: readonly Question[],
  { faults, asks }: EarlierAsks,
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

/**
 * Cancels the run of a call for which nobody waits any more. A client that cancels the call wants
 * the run to end. A client that has disconnected may have lost its connection, so `onDisconnect`
 * decides.
 */
async function cancelUnlessContinued(
  context: CallContext,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const isGone =
    SdkError.isInstance(signal.reason) && signal.reason.code === SdkErrorCode.ConnectionClosed;
  if (isGone && (context.isClosing() || context.onDisconnect === 'continue')) return;
  await context.caller.transact((client) => cancelToolRun(client, id));
}
