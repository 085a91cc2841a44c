import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Config } from '../../config.ts';
import type { Client } from '../../db/queries/json-rows.ts';
import { failureOf } from '../errors/answer-error.ts';
import { RequestRefusal } from '../errors/request-refusal.ts';
import { createOpenRequests, type OpenRequests } from '../limits/open-requests.ts';
import { isApiKey } from '../login/api-keys.ts';
import { permitBody } from '../login/rights.ts';
import { inTransactionAs, settingsFor } from '../login/session-settings.ts';
import type { RestOptions } from '../rest/serve.ts';
import { serveChat } from './chat/serve-chat.ts';
import { openAiError, sendError } from './errors.ts';
import { modelsOf } from './models.ts';
import { createChatCompletion, createResponse, listOpenAiModels } from './paths.ts';
import { readBody } from './read-body.ts';
import { createRequestRun, type RequestRun } from './request-run.ts';
import { serveResponse } from './responses/serve-response.ts';

/**
 * Options of the API for clients of OpenAI. Login, limits, queue and transactions are shared with
 * REST.
 */
export type OpenAiOptions = RestOptions & Pick<Config, 'auth'>;

/**
 * Registers the API for clients of OpenAI. Agents and workflows are its models. Requests start and
 * continue runs in transactions as the caller. The transaction decides what the caller may do, as
 * in every other protocol. Only the format is OpenAI's.
 */
export function openAiRoutes(app: FastifyInstance, options: OpenAiOptions): OpenRequests {
  const openRequests = createOpenRequests(options);
  const failure = (error: unknown) => failureOf(error, options.onError);
  const transactionFor = (request: FastifyRequest) => {
    const identity = options.identities.get(request.raw);
    if (!identity) throw new Error('the request was not authenticated');
    const address = request.raw.socket.remoteAddress;
    const settings = { ...settingsFor(identity, 'openai', address), timezone: 'UTC' };
    const transaction = <T>(work: (db: Client) => Promise<T>) =>
      options.admission.run(identity, async () => {
        const result = await inTransactionAs(options.connections.as(identity), settings, work);
        options.reads?.requireLatest(identity);
        return result;
      });
    return { identity, transaction };
  };
  const asking =
    <S extends z.ZodType>(
      schema: S,
      serve: (body: z.output<S>, turn: RequestRun) => Promise<void>,
    ) =>
    async (request: FastifyRequest, reply: FastifyReply) => {
      const { identity, transaction } = transactionFor(request);
      await permitBody({ identity, transaction }, request.headers, { object: 'executions' });
      const body = await readBody(request, schema);
      if (body === undefined) return reply.hijack();
      const openRequest = openRequests.begin(reply.raw, identity);
      try {
        const { hub } = options;
        const turn = createRequestRun({
          request,
          reply,
          hold: openRequest,
          hub,
          transaction,
          failureOf: failure,
        });
        await serve(body, turn);
      } finally {
        openRequest.release();
      }
      return reply.sent ? reply : reply.hijack(); // a client that has disconnected gets no answer
    };
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null)); // read by the route
    scope.addHook('onRequest', (request, reply) => letIn(request, reply, options));
    scope.setErrorHandler((error, _request, reply) =>
      sendError(reply, openAiError(failure(error))),
    );
    scope.post(createChatCompletion.path, asking(createChatCompletion.body, serveChat));
    scope.post(createResponse.path, asking(createResponse.body, serveResponse));
    scope.get(listOpenAiModels.path, (request) =>
      transactionFor(request).transaction(async (db) => ({
        object: 'list',
        data: await modelsOf(db),
      })),
    );
    scope.get<{ Params: { '*': string } }>('/v1/models/*', (request) =>
      transactionFor(request).transaction(async (db) => {
        const name = request.params['*'];
        const [model] = await modelsOf(db, name);
        if (model) return model;
        throw noModel(name);
      }),
    );
  });
  return openRequests;
}

/** Returns the error that the start of a run gives for an unknown agent or workflow. */
function noModel(name: string): RequestRefusal {
  const shown = name.slice(0, 200);
  return new RequestRefusal(404, `there is no agent or workflow named ${shown}`, {
    code: 'HWNTF',
    hint: 'GET /v1/models lists the agents and workflows that you may run.',
    detail: { agent: shown },
  });
}

/** Authenticates and counts a request, and answers a request that is rejected. */
async function letIn(request: FastifyRequest, reply: FastifyReply, options: OpenAiOptions) {
  const { login, countRequest, identities } = options;
  const verdict = await login(bearerOf(request, options.auth));
  if (!verdict.ok) {
    const { status, code, message, hint, reason } = verdict.refusal;
    const isMissing = reason === 'missing';
    if (status === 401) {
      reply.header('www-authenticate', isMissing ? 'Bearer' : 'Bearer error="invalid_token"');
    }
    return sendError(reply, openAiError({ status, code, message, hint, detail: { reason } }));
  }
  const refusal = await countRequest(verdict.value);
  if (refusal) {
    const { message, hint, detail } = refusal;
    return sendError(
      reply,
      openAiError({ status: 429, code: 'HWQTA', message, hint, detail: { ...detail } }),
    );
  }
  identities.set(request.raw, verdict.value);
}

/**
 * Returns the Authorization header for the login. OpenAI's clients require some key. Where there is
 * no login, a key that is neither a token nor a key of ours (`none`, `sk-…`) counts as no key.
 * Tokens and keys of ours are checked there as well.
 */
function bearerOf({ headers }: FastifyRequest, auth: Config['auth']): string | undefined {
  const [, key = ''] = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? [];
  const isOurs = key === '' || isApiKey(key) || key.split('.').length === 3;
  return auth === 'none' && !isOurs ? undefined : headers.authorization;
}
