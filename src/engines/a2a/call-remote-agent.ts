import type { ModelAnswer, ModelCallContext, ModelRequest } from '../../contracts/agents/model.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { createCancellation } from '../../providers/failure.ts';
import { emitToken } from '../../providers/tokens.ts';
import { Redaction } from '../../redaction/redaction.ts';
import type { Egress } from '../../tools/egress.ts';
import { type Connection, connect, createRequests } from './connection.ts';
import { type FailedRequest, isTransient, requestFailure } from './failures.ts';
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
  try {
    const connected = await connect(request.model, requests.value);
    if (!connected.ok) return connected;
    connection = connected.value;
    const message = outgoingMessage(request, context);
    const options = { signal, isTransient: (error: unknown) => isTransient(error, about()) };
    await followTask(connection, message, progress, options);
    emitToken(context, tokens.rest());
    const requestText = textOfParts(message.parts);
    return await readAnswer(progress, { request, context, connection, requestText });
  } catch (error) {
    if (!signal.aborted) return requestFailure(error, about());
    if (connection) void cancelTask(connection, progress, context);
    return createCancellation();
  }
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
