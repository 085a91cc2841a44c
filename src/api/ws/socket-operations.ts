import type { Identity } from '../login/auth-result.ts';
import type { Route, RouteContext, RouteInput } from '../rest/framework/route.ts';
import { workOnce } from '../rest/idempotency.ts';
import { restRoutes } from '../rest/rest-routes.ts';
import { neitherIsSet } from './socket-errors.ts';
import type { ClientMessage } from './socket-messages.ts';

/** Messages with a route of REST. */
export type SocketOperation = Exclude<
  ClientMessage,
  { type: 'connection_init' | 'subscribe' | 'unsubscribe' }
>;
type Call = { route: Route; params?: object; body?: object; key?: string | undefined };

/**
 * Runs the REST route of an operation, and returns the body of the answer. No other rules apply.
 */
export async function runOperation(
  operation: SocketOperation,
  identity: Identity,
  means: RouteContext,
): Promise<unknown> {
  const { route, params, body, key } = callOf(operation);
  const headers = key === undefined ? {} : { 'idempotency-key': key };
  const input = { params, query: {}, body, headers, identity, url: route.path };
  const result = route.serve
    ? await route.serve(input as unknown as RouteInput<never, never, never>, means)
    : await means.transaction((db) =>
        workOnce(db, route, input as unknown as RouteInput<never, never, never>, means),
      );
  return 'body' in result ? result.body : null;
}

function callOf(operation: SocketOperation): Call {
  switch (operation.type) {
    case 'execute': {
      const { type: _type, id: _id, idempotency_key: key, ...body } = operation;
      return { route: routeOf('execute'), body, key };
    }
    case 'send_message': {
      const { type: _type, id: _id, session_id, idempotency_key: key, ...body } = operation;
      return { route: routeOf('sendMessage'), params: { sid: session_id }, body, key };
    }
    case 'answer': {
      const { type: _type, id: _id, session_id, question_id, ...body } = operation;
      if (session_id !== undefined) {
        const namedBody = { ...body, ...(question_id !== undefined && { question_id }) };
        return { route: routeOf('answerInSession'), params: { sid: session_id }, body: namedBody };
      }
      if (question_id === undefined) throw neitherIsSet('question_id', 'session_id');
      return { route: routeOf('answerQuestion'), params: { id: question_id }, body };
    }
    default:
      return {
        route: routeOf(`${operation.type}Execution`),
        params: { id: operation.execution_id },
      };
  }
}

function routeOf(id: string): Route {
  const found = restRoutes.find((route) => route.id === id);
  if (!found) throw new Error(`there is no route ${id}`);
  return found;
}
