import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorAnswer } from '../errors/answer-error.ts';
import type { IsActiveAccount } from '../login/account-status.ts';
import type { Identity } from '../login/auth-result.ts';
import type { Identities } from '../login/identities.ts';
import { settingsFor } from '../login/session-settings.ts';
import {
  type CallerTransaction,
  type CallerTransactionOptions,
  createCallerTransaction,
} from './caller-transactions.ts';
import {
  createOpenRequests,
  type Leaving,
  type OpenRequest,
  type OpenRequests,
} from './open-requests.ts';
import type { StreamLimits } from './stream-limits.ts';

export type RunRequestsOptions = CallerTransactionOptions & {
  identities: Identities;
  exists: IsActiveAccount;
  limits: StreamLimits;
};

/** The caller of a request, with transactions as this caller. */
export type RequestCaller = { identity: Identity; transaction: CallerTransaction };

/** The requests of an endpoint whose answers take as long as their runs. */
export type RunRequests = {
  /** The requests that wait for their runs now. */
  openRequests: OpenRequests;
  /** Returns the caller of an authenticated request. */
  callerOf(request: FastifyRequest): RequestCaller;
  /** Counts a request as open while `serve` answers it. A client that has left gets no answer. */
  whileOpen(
    reply: FastifyReply,
    identity: Identity,
    serve: (openRequest: OpenRequest) => Promise<void>,
  ): Promise<FastifyReply>;
};

/** Creates the requests of an endpoint. `endpoint` names it in `howdah.client`. */
export function createRunRequests(endpoint: string, options: RunRequestsOptions): RunRequests {
  const openRequests = createOpenRequests(options);
  return {
    openRequests,
    callerOf({ raw }) {
      const identity = options.identities.get(raw);
      if (!identity) throw new Error('the request was not authenticated');
      const address = raw.socket.remoteAddress;
      const settings = { ...settingsFor(identity, endpoint, address), timezone: 'UTC' };
      return { identity, transaction: createCallerTransaction(options, identity, settings) };
    },
    async whileOpen(reply, identity, serve) {
      const openRequest = openRequests.begin(reply.raw, identity);
      try {
        await serve(openRequest);
      } finally {
        openRequest.release();
      }
      return reply.sent ? reply : reply.hijack();
    },
  };
}

/**
 * Returns the failure for an answer that ends before its run. Returns undefined if the client has
 * disconnected, because nobody reads the answer.
 */
export function earlyEnd(reason: Leaving, executionId: string): ErrorAnswer | undefined {
  if (reason === 'gone') return undefined;
  const detail = { execution_id: executionId };
  if (typeof reason === 'object') return { ...reason, detail };
  const message = `stopped waiting for the answer; the run ${executionId} continues`;
  return { status: 503, code: 'EUNREACHABLE', message, detail };
}

export type RouteScope = {
  /** Authenticates and counts a request, and answers a request that is rejected. */
  admit(request: FastifyRequest, reply: FastifyReply): Promise<unknown>;
  answerError(reply: FastifyReply, error: unknown): unknown;
  addRoutes(scope: FastifyInstance): void;
};

/** Registers routes that read their bodies themselves, once they know how large a body may be. */
export function registerRoutes(
  app: FastifyInstance,
  { admit, answerError, addRoutes }: RouteScope,
): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    scope.addHook('onRequest', admit);
    scope.setErrorHandler((error, _request, reply) => answerError(reply, error));
    addRoutes(scope);
  });
}
