import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Config } from '../../config.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import { errorAnswerOf } from '../errors/answer-error.ts';
import type { OpenRequests } from '../limits/open-requests.ts';
import { createRunRequests, type RunRequests, registerRoutes } from '../limits/run-requests.ts';
import { withCause } from '../login/admit-request.ts';
import { isApiKey } from '../login/api-key-reader.ts';
import { permitBody } from '../login/rights.ts';
import type { RestOptions } from '../rest/serve.ts';
import { serveChat } from './chat/serve-chat.ts';
import type { Model } from './completion-schemas.ts';
import { openAiError, sendError } from './openai-errors.ts';
import { OpenAiRequest, type OpenAiRequestOptions } from './openai-request.ts';
import { createChatCompletion, createResponse, listOpenAiModels } from './paths.ts';
import { readBody } from './read-body.ts';
import { serveResponse } from './responses/serve-response.ts';

/**
 * Options of the API for clients of OpenAI. Login, limits, queue and transactions are shared with
 * REST.
 */
export type OpenAiEndpointOptions = RestOptions & Pick<Config, 'auth'>;

/**
 * Registers the API for clients of OpenAI. Agents and workflows are its models. Requests start and
 * continue runs in transactions as the caller. The transaction decides what the caller may do, as
 * in every other protocol. Only the format is OpenAI's.
 */
export function openAiRoutes(app: FastifyInstance, options: OpenAiEndpointOptions): OpenRequests {
  const requests = createRunRequests('openai', options);
  const failure = (error: unknown) => errorAnswerOf(error, options.onError);
  registerRoutes(app, {
    admit: (request, reply) => admit(request, reply, options),
    answerError: (reply, error) => sendError(reply, openAiError(failure(error))),
    addRoutes(scope) {
      const { hub } = options;
      const running = createRunHandlers({ requests, hub, failureOf: failure });
      scope.post(createChatCompletion.path, running(createChatCompletion.body, serveChat));
      scope.post(createResponse.path, running(createResponse.body, serveResponse));
      addModelRoutes(scope, requests);
    },
  });
  return requests.openRequests;
}

type RunHandlerOptions = Pick<OpenAiRequestOptions, 'hub' | 'failureOf'> & {
  requests: RunRequests;
};

/** Returns a function that creates handlers of requests that start or continue a run. */
function createRunHandlers({ requests, hub, failureOf }: RunHandlerOptions) {
  return <S extends z.ZodType>(
    schema: S,
    serve: (body: z.output<S>, run: OpenAiRequest) => Promise<void>,
  ) =>
    async (request: FastifyRequest, reply: FastifyReply) => {
      const caller = requests.callerOf(request);
      await permitBody(caller, request.headers, { object: 'executions' });
      const body = await readBody(request, schema);
      if (body === undefined) return reply.hijack();
      const { transaction } = caller;
      return requests.whileOpen(reply, caller.identity, (openRequest) => {
        const means = { openRequest, hub, transaction, failureOf };
        return serve(body, new OpenAiRequest({ request, reply, ...means }));
      });
    };
}

function addModelRoutes(scope: FastifyInstance, { callerOf }: RunRequests): void {
  scope.get(listOpenAiModels.path, (request) =>
    callerOf(request).transaction(async (db) => ({ object: 'list', data: await modelsOf(db) })),
  );
  scope.get<{ Params: { '*': string } }>('/v1/models/*', (request) =>
    callerOf(request).transaction(async (db) => {
      const name = request.params['*'];
      const [model] = await modelsOf(db, name);
      if (model) return model;
      throw noModel(name);
    }),
  );
}

/** Returns the error that the start of a run gives for an unknown agent or workflow. */
function noModel(name: string): RequestRefusal {
  const shownName = name.slice(0, 200);
  return new RequestRefusal(404, `there is no agent or workflow named ${shownName}`, {
    code: 'HWNTF',
    hint: 'GET /v1/models lists the agents and workflows that you may run.',
    detail: { agent: shownName },
  });
}

/** Authenticates and counts a request, and answers a request that is rejected. */
async function admit(request: FastifyRequest, reply: FastifyReply, options: OpenAiEndpointOptions) {
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
  identities.set(request.raw, withCause(verdict.value, request.raw));
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

/**
 * Reads the agents and workflows that the caller may run, by name. With `name`, reads only the
 * agent or workflow of this name.
 */
async function modelsOf(db: Queryable, name?: string): Promise<Model[]> {
  const { rows } = await db.query<{ id: string; created: string; owned_by: string }>(
    'select id, created, owned_by from howdah_private.runnable_models($1)',
    [name ?? null],
  );
  return rows.map(({ id, created, owned_by }) => ({
    id,
    object: 'model',
    created: Number(created),
    owned_by,
  }));
}
