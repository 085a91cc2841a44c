import type { FastifyInstance } from 'fastify';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { openEndpoint, type Visit } from '../conversation-protocols/endpoint.ts';
import { followRun, type RunItem } from '../events/follow-run.ts';
import { withTraceparent } from '../http/traceparent.ts';
import type { OpenRequests } from '../limits/open-requests.ts';
import { permitBody } from '../login/rights.ts';
import { writeEvents } from '../openai/event-writer.ts';
import { readBody } from '../openai/read-body.ts';
import { cancelsWhenLeft } from '../openai/request-run.ts';
import { begin, cancel, type StartedRun } from '../openai/runs.ts';
import type { RestOptions } from '../rest/serve.ts';
import { type AgUiEvent, createEvents } from './events.ts';
import { type RunAgentInput, runAgentInput, turnOf } from './input.ts';

/**
 * The door for user interfaces, by AG-UI: each agent and workflow has an address there. An input begins a run with the
 * conversation as the interface keeps it, or goes on with one that asked for something, and is answered with its events.
 */
export function agUiRoutes(app: FastifyInstance, options: RestOptions): OpenRequests {
  return openEndpoint(app, 'ag-ui', options, (scope, { visited }) => {
    scope.post('/ag-ui/agents/:agent', visited(serve));
  });
}

async function serve(visit: Visit): Promise<void> {
  const { request, reply, transaction, source, hold, left, failureOf } = visit;
  const { agent } = request.params as { agent: string };
  const isCancelled = cancelsWhenLeft(request);
  await permitBody(visit, request.headers, { object: 'executions' });
  const input = await readBody(request, runAgentInput);
  if (!input) return;
  const begun = await beginRun(visit, agent, input);
  const { threadId, runId } = input;
  const own = new Set((input.tools ?? []).map(({ name }) => name));
  const events = createEvents({ threadId, runId, executionId: begun.id, own });
  reply.hijack();
  const writer = writeEvents(reply.raw, { 'x-request-id': begun.id });
  const write = async (told: Iterable<AgUiEvent>) => {
    for (const event of told) await writer.write(event);
  };
  try {
    await writer.write(events.started());
    for await (const told of followRun(source, begun, hold.signal)) {
      if (told.type === 'stopped') await write(events.rest());
      else await write(events.tell(told));
      if (told.type === 'stopped' || isTodo(told)) await write(await stateOf(visit, begun, input));
      if (told.type === 'stopped') await write(events.tell(told));
    }
    const failure = left(begun.id);
    if (failure) await write(events.broken(failure.message, failure.code));
  } catch (error) {
    const { message, code } = failureOf(error);
    await write(events.broken(message, code));
  }
  writer.end();
  if (isCancelled && hold.signal.reason === 'gone') {
    await transaction((db) => cancel(db, begun.id)).catch(unlessOver);
  }
}

async function beginRun(
  { request, transaction }: Visit,
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
  const turn = turnOf(agent, input);
  const metadata = withTraceparent(turn.metadata, request.headers) as JsonObject;
  const key = [request.headers['idempotency-key']].flat()[0];
  return transaction((db) =>
    begin(db, { ...turn, metadata }, { isKept: false, isFollowed: true, key }),
  ).catch((error) => {
    throw inTheirWords(error);
  });
}

/** What is wrong with `client_tools` of a run is so with `tools` of the input. */
function inTheirWords(error: { message: string; detail?: string }): unknown {
  error.message = error.message.replace(/^client_tools\b/, 'tools');
  if (error.detail)
    error.detail = error.detail.replace(/^\{"field": "client_tools\b/, '{"field": "tools');
  return error;
}

/** The state of the interface, with the tasks of the run's todo list where it has one. */
async function stateOf(
  { transaction, source }: Visit,
  begun: StartedRun,
  { state }: RunAgentInput,
): Promise<AgUiEvent[]> {
  const sessionId = (await source.look(begun))?.session_id ?? null;
  if (sessionId === null) return [];
  const { rows } = await transaction((db) =>
    db.query<{ tasks: Json }>(`select howdah.session_state($1) -> 'tasks' as tasks`, [sessionId]),
  );
  const known: JsonObject = isJsonObject(state as Json) ? (state as JsonObject) : {};
  return [{ type: 'STATE_SNAPSHOT', snapshot: { ...known, tasks: rows[0]?.tasks ?? [] } }];
}

function isTodo(told: RunItem): boolean {
  return told.type === 'step' && told.row.step.kind === 'tool' && told.row.step.name === 'todo';
}

/** A run that has ended meanwhile is what was wanted. */
function unlessOver(error: unknown): void {
  if ((error as { code?: string }).code !== 'HWTRM') throw error;
}
