import type { FastifyInstance } from 'fastify';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import {
  type ProtocolRequest,
  registerConversationEndpoint,
  wantsTree,
} from '../conversation-protocols/conversation-endpoint.ts';
import {
  cancelConversationRun,
  type StartedRun,
  startOrContinueRun,
} from '../conversation-protocols/conversation-runs.ts';
import { followRun, type RunItem } from '../events/follow-run.ts';
import { withTraceparent } from '../http/traceparent.ts';
import type { OpenRequests } from '../limits/open-requests.ts';
import { permitBody } from '../login/rights.ts';
import { writeEvents } from '../openai/event-writer.ts';
import { cancelsWhenLeft, unlessOver } from '../openai/openai-request.ts';
import { readBody } from '../openai/read-body.ts';
import type { RestOptions } from '../rest/serve.ts';
import { type AgUiEvent, AgUiEvents } from './ag-ui-events.ts';
import { type RunAgentInput, runAgentInput, turnOfInput } from './run-agent-input.ts';

/**
 * Registers the endpoint for user interfaces, by AG-UI. Each agent and workflow has an address
 * there. An input starts a run with the conversation that the interface keeps, or continues a run
 * that asked for something. The answer contains the events of the run.
 */
export function agUiRoutes(app: FastifyInstance, options: RestOptions): OpenRequests {
  return registerConversationEndpoint(app, 'ag-ui', options, (scope, { handlerOf }) => {
    scope.post('/ag-ui/agents/:agent', handlerOf(serve));
  });
}

async function serve(protocolRequest: ProtocolRequest): Promise<void> {
  const { request, transaction, openRequest } = protocolRequest;
  const { agent } = request.params as { agent: string };
  const isCancelled = cancelsWhenLeft(request);
  const tree = wantsTree(request);
  await permitBody(protocolRequest, request.headers, { object: 'executions' });
  const input = await readBody(request, runAgentInput);
  if (!input) return;
  const started = await startRun(protocolRequest, agent, input);
  await stream(protocolRequest, started, input, tree);
  if (isCancelled && openRequest.signal.reason === 'gone') {
    await transaction((db) => cancelConversationRun(db, started.id)).catch(unlessOver);
  }
}

/** Streams the events of a run until it stops. */
async function stream(
  protocolRequest: ProtocolRequest,
  started: StartedRun,
  input: RunAgentInput,
  tree: boolean,
): Promise<void> {
  const { reply, source, openRequest, earlyEndOf, failureOf } = protocolRequest;
  const { threadId, runId, tools } = input;
  const clientTools = new Set((tools ?? []).map(({ name }) => name));
  const events = new AgUiEvents({ threadId, runId, executionId: started.id, clientTools });
  reply.hijack();
  const writer = writeEvents(reply.raw, { 'x-request-id': started.id });
  const write = async (list: Iterable<AgUiEvent>) => {
    for (const event of list) await writer.write(event);
  };
  try {
    await writer.write(events.startEvent());
    for await (const item of followRun(source, started, openRequest.signal, { tree })) {
      if (item.type === 'stopped') {
        await write(events.finishStep());
        await write(await stateSnapshot(protocolRequest, started, input));
        await write(events.eventsOf(item));
        return writer.end();
      }
      await write(events.eventsOf(item));
      if (isTodo(item)) await write(await stateSnapshot(protocolRequest, started, input));
    }
    const failure = earlyEndOf(started.id);
    if (failure) await write(events.fail(failure.message, failure.code));
  } catch (error) {
    const { message, code } = failureOf(error);
    await write(events.fail(message, code));
  }
  writer.end();
}

async function startRun(
  { request, transaction }: ProtocolRequest,
  agent: string,
  input: RunAgentInput,
): Promise<StartedRun> {
  const { resume } = input;
  if (resume && resume.length > 0) {
    return transaction(async (db) => {
      const { rows } = await db.query<StartedRun>(
        'select execution_id::text as id, since from howdah_private.answer_interrupts($1, $2)',
        [agent, JSON.stringify(resume)],
      );
      return rows[0] as StartedRun;
    });
  }
  const turn = turnOfInput(agent, input);
  const metadata = withTraceparent(turn.metadata, request.headers) as JsonObject;
  const key = [request.headers['idempotency-key']].flat()[0];
  return transaction((db) =>
    startOrContinueRun(db, { ...turn, metadata }, { isStored: false, isFollowed: true, key }),
  ).catch((error) => {
    throw toClientNames(error);
  });
}

/**
 * Replaces `client_tools` of a run by `tools` of the input in an error. The detail is
 * the text of a JSON object that begins with `field`.
 */
function toClientNames(error: { message: string; detail?: string }): unknown {
  error.message = error.message.replace(/^client_tools\b/, 'tools');
  if (error.detail)
    error.detail = error.detail.replace(/^\{"field": "client_tools\b/, '{"field": "tools');
  return error;
}

/**
 * Returns the state of the interface with the tasks of the run's todo list. Returns no event for a
 * run without a session.
 */
async function stateSnapshot(
  { transaction, source }: ProtocolRequest,
  started: StartedRun,
  { state }: RunAgentInput,
): Promise<AgUiEvent[]> {
  const sessionId = (await source.look(started))?.session_id ?? null;
  if (sessionId === null) return [];
  const { rows } = await transaction((db) =>
    db.query<{ tasks: Json }>(`select howdah.session_state($1) -> 'tasks' as tasks`, [sessionId]),
  );
  const known: JsonObject = isJsonObject(state as Json) ? (state as JsonObject) : {};
  return [{ type: 'STATE_SNAPSHOT', snapshot: { ...known, tasks: rows[0]?.tasks ?? [] } }];
}

function isTodo(item: RunItem): boolean {
  return item.type === 'step' && item.row.step.kind === 'tool' && item.row.step.name === 'todo';
}
