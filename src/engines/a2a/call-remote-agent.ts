import { unlessAborted } from '../../concurrency/unless-aborted.ts';
import type { ModelAnswer, ModelCallContext, ModelRequest } from '../../contracts/agents/model.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { emitToken } from '../../providers/answers/tokens.ts';
import { createCancellation } from '../../providers/failure.ts';
import { Redaction } from '../../redaction/redaction.ts';
import type { Egress } from '../../tools/egress.ts';
import { type Connection, connectAgent, createRequests } from './connection.ts';
import { type FailedRequest, isTransientFailure, requestFailure } from './failures.ts';
import { followTask } from './follow-task.ts';
import { outgoingMessage, textOfParts } from './outgoing-message.ts';
import { readAnswer } from './read-answer.ts';
import { TaskProgress } from './task-progress.ts';

/** The time to cancel a task of a run that has ended. */
const CANCEL_MS = 10_000;

/**
 * Gets an answer from a remote agent: reads its card, sends a message, and follows the task. A task
 * that needs input becomes a call of `ask_user`, and the next call sends the answer to the task.
 */
export async function callRemoteAgent(
  request: ModelRequest,
  context: ModelCallContext,
  egress: Egress,
): Promise<Outcome<ModelAnswer>> {
  const requests = createRequests(request.model, context, egress);
  if (!requests.ok) return requests;
  const { signal, key = null } = context;
  const tokens = Redaction.of(key === null ? [] : [key]).stream();
  const progress = new TaskProgress((text) => emitToken(context, tokens.pass(text)));
  const { host } = new URL(request.model.base_url ?? '');
  const about = (): FailedRequest => ({ fault: requests.value.fault(), host, key });
  let connection: Connection | undefined;
  const requesting = new AbortController();
  try {
    const connected = await connectAgent(request.model, requests.value);
    if (!connected.ok) return connected;
    connection = connected.value;
    const message = outgoingMessage(request, context);
    const options = {
      signal: requesting.signal,
      isTransient: (error: unknown) => isTransientFailure(error, about()),
    };
    await unlessAborted(followTask(connection, message, progress, options), signal);
    emitToken(context, tokens.rest());
    const requestText = textOfParts(message.parts);
    return await readAnswer(progress, { request, context, connection, requestText });
  } catch (error) {
    if (!signal.aborted) return requestFailure(error, about());
    if (connection) void endTask(connection, progress, context, requesting);
    return createCancellation();
  }
}

/**
 * Cancels the task, and ends its request. A task that the agent has not named yet cannot be
 * cancelled, so the request goes on for a while until its first update.
 */
async function endTask(
  connection: Connection,
  progress: TaskProgress,
  context: ModelCallContext,
  requesting: AbortController,
): Promise<void> {
  const timer = setTimeout(() => requesting.abort(), CANCEL_MS);
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  requesting.signal.addEventListener('abort', () => resolve(), { once: true });
  await Promise.race([progress.whenKnown, ended]);
  clearTimeout(timer);
  requesting.abort();
  await cancelTask(connection, progress, context);
}

/**
 * Cancels the task of a run that was cancelled or is out of time. A run that another worker
 * continues keeps its task. Nobody waits for the outcome, since the run is over.
 */
async function cancelTask(
  { client }: Connection,
  { taskId, isUnderWay }: TaskProgress,
  { signal, hasRunEnded }: ModelCallContext,
): Promise<void> {
  if (!isUnderWay) return;
  try {
    const isTimeOver = signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
    if (!isTimeOver && !(await hasRunEnded?.())) return;
    const params = { tenant: '', id: taskId, metadata: undefined };
    await client.cancelTask(params, { signal: AbortSignal.timeout(CANCEL_MS) });
  } catch {
    // The agent may be unreachable, or the task over. The run has ended either way.
  }
}
