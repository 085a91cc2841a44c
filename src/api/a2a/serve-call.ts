import type { Queryable } from '../../db/connection/pool.ts';
import { hasEnded } from '../../db/followers/run-source.ts';
import type { ProtocolRequest } from '../conversation-protocols/conversation-endpoint.ts';
import {
  cancelConversationRun,
  type StartedRun,
} from '../conversation-protocols/conversation-runs.ts';
import {
  type ConversationState,
  conversationState,
} from '../conversation-protocols/conversation-state.ts';
import { followRun } from '../events/follow-run.ts';
import { writeEvents } from '../openai/event-writer.ts';
import { type SendParams, sendParams, taskParams } from './a2a-schema.ts';
import { legacyEvent, legacyTask } from './legacy.ts';
import { paramsOf, type RpcCall } from './read-call.ts';
import { findTask, receive } from './receive-message.ts';
import { A2aRefusal, rpcError, rpcErrorOf } from './rpc-errors.ts';
import { type StreamResponse, type Task, taskOf } from './task.ts';
import { createTaskEvents } from './task-events.ts';

export type CallOptions = {
  protocolRequest: ProtocolRequest;
  call: RpcCall;
  agent: string;
  base: string;
};

/**
 * Answers a call with its result or with events. Throws if the call is rejected before there is an
 * answer.
 */
export async function serveCall(options: CallOptions): Promise<void> {
  const { call, protocolRequest, agent, base } = options;
  const { transaction } = protocolRequest;
  switch (call.method) {
    case 'SendMessage':
      return sendMessage(options, paramsOf(sendParams, call.params));
    case 'SendStreamingMessage': {
      const params = paramsOf(sendParams, call.params);
      return stream(
        options,
        await transaction((db) =>
          receive(db, { agent, params, headers: protocolRequest.request.headers }),
        ),
      );
    }
    case 'SubscribeToTask': {
      const { id } = paramsOf(taskParams, call.params);
      const run = await transaction((db) => findTask(db, agent, id));
      if (hasEnded(run)) throw new A2aRefusal('unsupported', `task ${id} has ended`);
      return stream(options, { id: run.id, since: run.step_count });
    }
    case 'GetTask': {
      const { id, historyLength } = paramsOf(taskParams, call.params);
      const task = await transaction(async (db) =>
        taskOf(db, await findTask(db, agent, id), { base, historyLength }),
      );
      return answer(options, call.isLegacy ? legacyTask(task) : task);
    }
    case 'CancelTask': {
      const { id } = paramsOf(taskParams, call.params);
      const task = await transaction(async (db) => {
        const run = await findTask(db, agent, id);
        if (hasEnded(run)) throw new A2aRefusal('notCancelable', `task ${id} has ended`);
        await cancelConversationRun(db, run.id);
        return taskOf(db, await findTask(db, agent, run.id), { base });
      });
      return answer(options, call.isLegacy ? legacyTask(task) : task);
    }
    default:
      throw unsupportedMethod(call.method);
  }
}

function unsupportedMethod(method: string): A2aRefusal {
  if (method.includes('PushNotificationConfig')) {
    return new A2aRefusal(
      'noPush',
      'push notifications are not supported; create a webhook for all runs instead',
    );
  }
  if (method === 'GetExtendedAgentCard') {
    return new A2aRefusal('noExtendedCard', 'there is no extended agent card');
  }
  if (method === 'ListTasks') {
    return new A2aRefusal(
      'unsupported',
      'listing tasks is not supported; use GET /api/executions to list runs',
    );
  }
  return new A2aRefusal('method', `there is no method ${method.slice(0, 100)}`);
}

/** Answers with the task, at once or when the task has ended or asks something. */
async function sendMessage(options: CallOptions, params: SendParams): Promise<void> {
  const { protocolRequest, call, agent, base } = options;
  const started = await protocolRequest.transaction((db) =>
    receive(db, { agent, params, headers: protocolRequest.request.headers }),
  );
  const { returnImmediately, blocking, historyLength } = params.configuration ?? {};
  const isLeft = call.isLegacy ? params.configuration != null && !blocking : returnImmediately;
  if (!isLeft && !(await waitUntilStopped(protocolRequest, started))) {
    const failure = protocolRequest.earlyEndOf(started.id);
    return failure && send(options, { error: rpcErrorOf(failure) });
  }
  const task = await protocolRequest.transaction(async (db) =>
    taskOf(db, await findTask(db, agent, started.id), { base, historyLength }),
  );
  return answer(options, call.isLegacy ? legacyTask(task) : { task });
}

/** Waits until the run stops. Returns false if the wait or the feed ends before. */
async function waitUntilStopped(
  { source, openRequest }: ProtocolRequest,
  started: StartedRun,
): Promise<boolean> {
  for await (const item of followRun(source, started, openRequest.signal)) {
    if (item.type === 'stopped') return true;
  }
  return false;
}

/** Streams the current task, then its updates until the task ends or asks something. */
async function stream(options: CallOptions, started: StartedRun): Promise<void> {
  const { protocolRequest, call, base } = options;
  const { run, task } = await protocolRequest.transaction((db) => snapshot(db, started, base));
  protocolRequest.reply.hijack();
  const writer = writeEvents(protocolRequest.reply.raw, { 'x-request-id': started.id });
  const write = (event: StreamResponse, isLast = false) => {
    const result = call.isLegacy ? legacyEvent(event, isLast) : event;
    return writer.write({ jsonrpc: '2.0', id: call.id, result });
  };
  const fail = (error: object) => writer.write({ jsonrpc: '2.0', id: call.id, error });
  try {
    await write({ task });
    const tell = createTaskEvents(run, base);
    for await (const item of followRun(
      protocolRequest.source,
      started,
      protocolRequest.openRequest.signal,
    )) {
      for (const event of tell(item)) {
        await write(event, item.type === 'stopped' && 'statusUpdate' in event);
      }
      if (item.type === 'stopped') return writer.end();
    }
    const failure = protocolRequest.earlyEndOf(started.id);
    if (failure) await fail(rpcErrorOf(failure));
  } catch (error) {
    await fail(rpcError(error, protocolRequest.failureOf));
  }
  writer.end();
}

async function snapshot(
  db: Queryable,
  { id }: StartedRun,
  base: string,
): Promise<{ run: ConversationState; task: Task }> {
  const run = await conversationState(db, { id, since: 0 });
  if (!run) throw new A2aRefusal('noTask', `there is no task ${id}`, { code: 'HWNTF' });
  return { run, task: await taskOf(db, run, { base }) };
}

function answer(options: CallOptions, result: object): void {
  send(options, { result });
}

function send({ protocolRequest, call }: CallOptions, body: object): void {
  const type = 'application/json; charset=utf-8';
  protocolRequest.reply.header('cache-control', 'no-store').type(type);
  protocolRequest.reply.send(JSON.stringify({ jsonrpc: '2.0', id: call.id, ...body }));
}
