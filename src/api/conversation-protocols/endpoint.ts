import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Client } from '../../db/queries/json-rows.ts';
import { answerFailure, type Failure, failureOf } from '../errors/answer-error.ts';
import { sendLimitRefusal, sendRefusal } from '../errors/problem.ts';
import { noSuch } from '../errors/request-refusal.ts';
import type { RunSource } from '../events/follow-run.ts';
import { createStreamSources } from '../events/stream-sources.ts';
import {
  createOpenRequests,
  type Leaving,
  type OpenRequest,
  type OpenRequests,
} from '../limits/open-requests.ts';
import type { Identity } from '../login/auth-result.ts';
import { inTransactionAs, settingsFor } from '../login/session-settings.ts';
import type { RestOptions } from '../rest/serve.ts';
import { conversationState } from './run-state.ts';

/**
 * A request and the means to answer it: transactions as the caller, and runs as the caller sees
 * them.
 */
export type Visit = {
  request: FastifyRequest;
  reply: FastifyReply;
  identity: Identity;
  hold: OpenRequest;
  transaction<T>(work: (db: Client) => Promise<T>): Promise<T>;
  source: RunSource;
  failureOf(error: unknown): Failure;
  /**
   * Returns why an answer ends before its run, or undefined if it does not, or if the client has
   * disconnected.
   */
  left(executionId: string): Failure | undefined;
};

export type Visitors = {
  /** Returns a handler that may answer for as long as a run takes. */
  visited(
    serve: (visit: Visit) => Promise<void>,
  ): (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;
};

/**
 * Registers an endpoint for clients that talk with one run per request. Requests are authenticated
 * and counted as in the other protocols. A caller whose login ends while a request waits gets an
 * error. The protocol adds its routes.
 */
export function openEndpoint(
  app: FastifyInstance,
  name: string,
  options: RestOptions,
  addRoutes: (scope: FastifyInstance, visitors: Visitors) => void,
): OpenRequests {
  const openRequests = createOpenRequests(options);
  const live = createStreamSources(options);
  const failure = (error: unknown) => failureOf(error, options.onError);
  const visitors: Visitors = {
    visited: (serve) => async (request, reply) => {
      const identity = options.identities.get(request.raw);
      if (!identity) throw new Error('the request was not authenticated');
      const address = request.raw.socket.remoteAddress;
      const settings = { ...settingsFor(identity, name, address), timezone: 'UTC' };
      const transaction = <T>(work: (db: Client) => Promise<T>) =>
        options.admission.run(identity, async () => {
          const result = await inTransactionAs(options.connections.as(identity), settings, work);
          options.reads?.requireLatest(identity);
          return result;
        });
      const { steps, readStepDetails: stepDetails } = live(identity);
      const { tenantId, userId, role } = identity;
      const states: RunSource['hub']['states'] = (id) => {
        const watching = { tenantId, userId, role, id };
        return options.visibilityGuard.whileVisible(options.hub.states(id), watching, () =>
          noSuch('execution', id),
        );
      };
      const source: RunSource = {
        steps,
        story: stepDetails,
        hub: { states, tokens: (id) => options.hub.tokens(id) },
        look: (run) => transaction((db) => conversationState(db, run)),
      };
      const openRequest = openRequests.begin(reply.raw, identity);
      const left = (id: string) => leftFor(openRequest.signal.reason as Leaving | undefined, id);
      try {
        await serve({
          request,
          reply,
          identity,
          hold: openRequest,
          transaction,
          source,
          failureOf: failure,
          left,
        });
      } finally {
        openRequest.release();
      }
      return reply.sent ? reply : reply.hijack(); // a client that has disconnected gets no answer
    },
  };
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null)); // read by the route
    scope.addHook('onRequest', (request, reply) => letIn(request, reply, options));
    scope.setErrorHandler((error, _request, reply) => answerFailure(reply, failure(error)));
    addRoutes(scope, visitors);
  });
  return openRequests;
}

function leftFor(reason: Leaving | undefined, id: string): Failure | undefined {
  if (reason === undefined || reason === 'gone') return undefined;
  const detail = { execution_id: id };
  if (typeof reason === 'object') return { ...reason, detail };
  const message = `stopped waiting for the answer; the run ${id} continues`;
  return { status: 503, code: 'EUNREACHABLE', message, detail };
}

/** Authenticates and counts a request, and answers a request that is rejected. */
async function letIn(request: FastifyRequest, reply: FastifyReply, options: RestOptions) {
  const verdict = await options.login(request.headers.authorization);
  if (!verdict.ok) {
    reply.hijack();
    return sendRefusal(reply.raw, verdict.refusal);
  }
  const refusal = await options.countRequest(verdict.value);
  if (refusal) {
    reply.hijack();
    return sendLimitRefusal(reply.raw, refusal);
  }
  options.identities.set(request.raw, verdict.value);
}
