import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ReadSecret } from '../../contracts/secret.ts';
import {
  countRefusedRequests,
  findInboundHooks,
  type HookAddress,
  type InboundHook,
  type InboundResult,
  receiveDelivery,
} from '../../db/operations/inbound-hooks.ts';
import type { JsonObject } from '../../json/json.ts';
import { answerFailure, errorAnswerOf, statuses } from '../errors/answer-error.ts';
import { sendLimitRefusal } from '../errors/problem.ts';
import { jsonHeadersFault } from '../http/json-body.ts';
import { BUSY } from '../http/request-queue.ts';
import { createCallerTransaction } from '../limits/caller-transactions.ts';
import { registerRoutes } from '../limits/run-requests.ts';
import { withCause } from '../login/admit-request.ts';
import { type CachedLoader, createCachedLoader } from '../login/cached-loader.ts';
import { settingsFor } from '../login/session-settings.ts';
import type { RestOptions } from '../rest/serve.ts';
import { BodyMemory } from './body-memory.ts';
import {
  bodyFault,
  MAX_BYTES,
  mapRequest,
  type RequestFault,
  readInboundBody,
  verify,
} from './receive-request.ts';
import { createRefusedRequestCounter, type RefusedRequestCounter } from './refused-requests.ts';

export type InboundOptions = RestOptions & {
  /** Reads the secrets of hooks. */
  readSecret: ReadSecret;
};

/** The services of the server, and the state of the endpoint. */
type EndpointServices = InboundOptions & {
  find: CachedLoader<HookAddress, InboundHook | null>;
  memory: BodyMemory;
  refused: RefusedRequestCounter;
};

/** The key of the memory for bodies to addresses without a hook. All of them share one bound. */
const UNKNOWN_HOOKS = '';

/**
 * Registers the endpoint of inbound hooks. Everybody may send a request, so nothing is done for one
 * that is not verified: its body is bounded, its refusal is counted, and the look-up of its hook is
 * shared with others. A verified request counts against the limits of the tenant before its body
 * is parsed. It is received in one transaction, as the user of the hook.
 * Returns a function that writes what was counted.
 */
export function inboundDeliveryRoutes(
  app: FastifyInstance,
  options: InboundOptions,
): { close(): Promise<void> } {
  const { pool, onError } = options;
  const refused = createRefusedRequestCounter(
    (refusals) => countRefusedRequests(pool, refusals),
    (error) => onError(error, 'refused requests to hooks were not counted'),
  );
  const find = createCachedLoader<HookAddress, InboundHook | null>({
    keyOf: ({ tenant, name }) => `${tenant}/${name}`,
    ask: (addresses) => findInboundHooks(pool, addresses),
  });
  const means = { ...options, find, memory: new BodyMemory(), refused };
  const handler = (request: FastifyRequest, reply: FastifyReply) => receive(request, reply, means);
  registerRoutes(app, {
    admit: async () => {},
    answerError: (reply, error) => answerFailure(reply, errorAnswerOf(error, onError)),
    addRoutes(scope) {
      scope.post('/hooks/:name', handler);
      scope.post('/hooks/:tenant/:name', handler);
    },
  });
  return refused;
}

/** Receives a request, or refuses it in the same way whether or not there is such a hook. */
async function receive(
  request: FastifyRequest,
  reply: FastifyReply,
  means: EndpointServices,
): Promise<FastifyReply> {
  const { tenant = 'default', name = '' } = request.params as Partial<HookAddress>;
  const hook = isAddress(tenant) && isAddress(name) ? await means.find({ tenant, name }) : null;
  const refuse = (why: RequestFault) => {
    const { code, message, hint } = why;
    if (hook) means.refused.count({ hook_id: hook.id, code, message, hint });
    return answerFault(reply, why);
  };
  const fault = jsonHeadersFault(request.raw, MAX_BYTES);
  if (fault) return refuse(bodyFault(fault));
  const reservation = means.memory.reserve(hook?.id ?? UNKNOWN_HOOKS, bytesOf(request));
  if (!reservation) return answerFault(reply, FULL);
  try {
    const body = await readInboundBody(request.raw, reservation);
    if (!body.ok) {
      if (body.fault !== 'gone') return refuse(body.fault);
      return reservation.signal.aborted ? answerFault(reply, FULL) : reply.hijack();
    }
    if (!hook) return answerFault(reply, UNKNOWN);
    const verified = await verify(request.raw.headers, body.value, hook, means.readSecret);
    if (!verified.ok) return refuse(verified.fault);
    const limited = await means.countRequest(identityOf(hook));
    if (limited) {
      sendLimitRefusal(reply.raw, limited);
      return reply.hijack();
    }
    const mapped = await mapRequest(request.raw, body.value, hook, verified.value);
    if (!mapped.ok) return refuse(mapped.fault);
    if ('challenge' in mapped) return reply.send({ challenge: mapped.challenge });
    reservation.release();
    return await begin(reply, request, hook, mapped.delivery, means);
  } finally {
    reservation.release();
  }
}

/** Returns the caller of a verified request: the user of its hook. */
function identityOf(hook: InboundHook) {
  return {
    tenantId: hook.tenant_id,
    userId: hook.user_id ?? undefined,
    role: 'admin', // the least role that may write hooks; the user may have less by now
    expiresAt: undefined,
  } as const;
}

/** Begins what a verified delivery asks for, and answers. */
async function begin(
  reply: FastifyReply,
  request: FastifyRequest,
  hook: InboundHook,
  delivery: JsonObject,
  options: InboundOptions,
): Promise<FastifyReply> {
  const identity = withCause(identityOf(hook), request.raw);
  const settings = {
    ...settingsFor(identity, 'hooks', request.raw.socket.remoteAddress),
    role: 'howdah_authenticator', // only the API may receive deliveries
    timezone: 'UTC',
  };
  const transaction = createCallerTransaction(options, identity, settings);
  const result = await transaction((db) => receiveDelivery(db, hook.id, delivery));
  return answerResult(reply, result);
}

function answerResult(reply: FastifyReply, result: InboundResult): FastifyReply {
  const { error, ...shown } = result;
  if (result.status === 'failed' && error) {
    const { code, message, hint, detail = {} } = error;
    return answerFailure(reply, { status: statuses[code] ?? 400, code, message, hint, detail });
  }
  const isNew = result.status === 'accepted' && !result.is_repeat;
  return reply
    .code(isNew ? 202 : 200)
    .send({ ...shown, ...(result.status === 'ignored' && { reason: error?.message }) });
}

/**
 * The answer to every request that is not verified, whether or not there is such a hook. The rows
 * of the hook have the reason.
 */
const UNKNOWN: RequestFault = {
  status: 401,
  code: 'unknown',
  message: 'No active hook at this address accepts this request.',
  hint: 'Check the address and the secret. The rows of howdah.inbound_deliveries have the reason.',
};
const FULL: RequestFault = {
  status: 503,
  code: 'busy',
  message: 'Too many requests to hooks are arriving at once; try again in a moment.',
  hint: 'Send fewer requests at the same time.',
};
const CODES: Readonly<Record<number, string>> = { 401: 'HWDEN', 503: BUSY };

function answerFault(reply: FastifyReply, fault: RequestFault): FastifyReply {
  const { status, message, hint } = fault.status === 401 ? UNKNOWN : fault;
  const code = CODES[status] ?? 'HWINV';
  return answerFailure(reply, { status, code, message, hint, detail: {} });
}

/** Returns whether a part of a path may be that of a hook. Others need no look-up. */
function isAddress(part: string): boolean {
  return /^[a-z0-9][a-z0-9_-]{0,62}$/.test(part);
}

/** Returns the memory that the body of a request may take. */
function bytesOf({ headers }: FastifyRequest): number {
  const length = Number(headers['content-length'] ?? MAX_BYTES);
  return Number.isFinite(length) ? length : MAX_BYTES;
}
