import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { switchText } from '../../resources/fields.ts';
import { noSuch, RequestRefusal } from '../../resources/request-refusal.ts';
import { answerFailure, type ErrorAnswer, errorAnswerOf } from '../errors/answer-error.ts';
import type { RunSource } from '../events/follow-run.ts';
import { createStreamSources, type StreamSources } from '../events/stream-sources.ts';
import { inTurns } from '../limits/caller-turns.ts';
import type { OpenRequest, OpenRequests } from '../limits/open-requests.ts';
import {
  createRunRequests,
  earlyEnd,
  type RequestCaller,
  registerRoutes,
} from '../limits/run-requests.ts';
import { admitRequest } from '../login/admit-request.ts';
import type { RestOptions } from '../rest/serve.ts';
import { conversationState } from './conversation-state.ts';

/**
 * A request and the means to answer it: transactions as the caller, and runs as the caller sees
 * them.
 */
export type ProtocolRequest = RequestCaller & {
  request: FastifyRequest;
  reply: FastifyReply;
  openRequest: OpenRequest;
  source: RunSource;
  failureOf(error: unknown): ErrorAnswer;
  /**
   * Returns why an answer ends before its run stops, or undefined if the client has disconnected.
   * Without a signal the feed has ended: the server closes.
   */
  earlyEndOf(executionId: string): ErrorAnswer | undefined;
};

export type ProtocolRequestHandlers = {
  /** Returns a handler that may answer for as long as a run takes. */
  handlerOf(
    serve: (protocolRequest: ProtocolRequest) => Promise<void>,
  ): (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;
};

/**
 * Registers an endpoint for clients that talk with one run per request. Requests are authenticated
 * and counted as in the other protocols. A caller whose login ends while a request waits gets an
 * error. The protocol adds its routes.
 */
export function registerConversationEndpoint(
  app: FastifyInstance,
  name: string,
  options: RestOptions,
  addRoutes: (scope: FastifyInstance, handlers: ProtocolRequestHandlers) => void,
): OpenRequests {
  const requests = createRunRequests(name, options);
  const sources = createStreamSources(options);
  const failure = (error: unknown) => errorAnswerOf(error, options.onError);
  const handlerOf: ProtocolRequestHandlers['handlerOf'] = (serve) => async (request, reply) => {
    const caller = requests.callerOf(request);
    const source = sourceFor(caller, sources, options);
    return requests.whileOpen(reply, caller.identity, (openRequest) => {
      const { signal } = openRequest;
      const earlyEndOf = (id: string) => earlyEnd(signal.aborted ? signal.reason : 'closing', id);
      const means = { ...caller, openRequest, source, failureOf: failure, earlyEndOf };
      return serve({ request, reply, ...means });
    });
  };
  registerRoutes(app, {
    admit: async (request, reply) => {
      if (!(await admitRequest(request.raw, reply.raw, options))) reply.hijack();
    },
    answerError: (reply, error) => answerFailure(reply, failure(error)),
    addRoutes: (scope) => addRoutes(scope, { handlerOf }),
  });
  return requests.openRequests;
}

/**
 * Returns whether a request asks for the events of the runs below, with `tree=1` in the query.
 * Throws 400 for any other value.
 */
export function wantsTree({ query }: FastifyRequest): boolean {
  const { tree } = query as { tree?: unknown };
  if (tree === undefined) return false;
  const parsed = switchText.safeParse(tree);
  if (parsed.success) return parsed.data;
  throw new RequestRefusal(400, 'tree is neither 1 nor 0', {
    hint: 'Send tree=1 to receive the events of the runs below, or leave it out.',
    detail: { field: 'tree' },
  });
}

/** Returns the source of the runs that a caller may see. */
function sourceFor(
  { identity, transaction }: RequestCaller,
  sources: StreamSources,
  { hub, visibilityGuard: visibility, turns }: RestOptions,
): RunSource {
  const tree = sources(identity);
  const { readStepDetails: details } = tree;
  const { tenantId, userId, role } = identity;
  const states: RunSource['hub']['states'] = (id) =>
    visibility.whileVisible(hub.states(id), { tenantId, userId, role, id }, () =>
      noSuch('execution', id),
    );
  return {
    steps: (id, after) => inTurns(turns, identity, tree.steps(id, after)),
    details,
    tree,
    hub: { states, tokens: (id) => hub.tokens(id) },
    look: (run) => transaction((db) => conversationState(db, run)),
  };
}
