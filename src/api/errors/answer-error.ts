import { randomBytes } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { HowdahError } from '../../contracts/errors.ts';
import { isJsonObject, type Json } from '../../json/json.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import { BUSY, RETRY_AFTER } from '../http/request-queue.ts';
import { explainFailure } from './database-errors.ts';
import { PROBLEM_TYPE, problem } from './problem.ts';
import { restHint } from './rest-hints.ts';

/** Logs an error that the client did not see, with the id that the client got. */
export type ErrorLog = (error: unknown, id: string) => void;

/**
 * The HTTP statuses of the codes in `sql/ERRORS.md`, and of what the server itself cannot do now.
 */
export const statuses: Readonly<Record<string, number>> = {
  HWNTF: 404,
  HWTRM: 409,
  HWCNF: 409,
  HWINV: 400,
  HWQTA: 429,
  HWDEN: 403,
  '57014': 504,
  [BUSY]: 503,
  EUNREACHABLE: 503,
};
/** Members of a problem that the detail of an error may not replace. */
const OWN = new Set(['type', 'title', 'status', 'detail', 'code', 'hint', 'instance']);

export type ErrorAnswer = {
  status: number;
  code: string;
  message: string;
  hint?: string | undefined;
  detail: Json;
};

/**
 * Returns what the client learns of an error. An error that the client did not cause is logged
 * under an id, and the client learns only the id.
 */
export function errorAnswerOf(error: unknown, log: ErrorLog): ErrorAnswer {
  if (error instanceof HowdahError && error.code in statuses) {
    const { code, message, hint, detail = {} } = error;
    const status = error instanceof RequestRefusal ? error.status : (statuses[code] ?? 400);
    return { status, code, message, hint, detail };
  }
  const explained = explainFailure(error);
  const status = explained ? statuses[explained.extensions.code] : undefined;
  if (explained && status !== undefined) {
    const { code, hint, detail = {} } = explained.extensions;
    return { status, code, message: explained.message, hint: hint && restHint(hint), detail };
  }
  const id = randomBytes(6).toString('hex');
  log(error, id);
  const message = `internal error; see the log entry ${id}`;
  return { status: 500, code: 'EINTERNAL', message, detail: { id } };
}

/**
 * Formats a failure as a problem (RFC 9457). The fields of its detail become members of the
 * problem.
 */
export function problemOf({ status, code, message, hint, detail }: ErrorAnswer) {
  const members = isJsonObject(detail)
    ? Object.entries(detail).filter(([name]) => !OWN.has(name))
    : [['details', detail]];
  const more = { ...(hint !== undefined && { hint }), ...Object.fromEntries(members) };
  return problem(status, code, message, more);
}

export function answerFailure(reply: FastifyReply, failure: ErrorAnswer) {
  const { status, detail } = failure;
  const after = isJsonObject(detail) ? detail.retry_after_seconds : undefined;
  if (status === 429 && after != null) reply.header('retry-after', `${after}`);
  if (status === 503) reply.header('retry-after', RETRY_AFTER);
  if (status === 401) reply.header('www-authenticate', 'Bearer error="invalid_token"');
  return reply.code(status).type(PROBLEM_TYPE).send(problemOf(failure).body);
}
