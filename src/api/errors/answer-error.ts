import { randomBytes } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { HowdahError } from '../../contracts/errors.ts';
import { isJsonObject, type Json } from '../../json/json.ts';
import type { ErrorLog } from '../graphql/errors.ts';
import { BUSY, RETRY_AFTER } from '../http/admission.ts';
import { explainFailure } from './database-errors.ts';
import { PROBLEM_TYPE, problem } from './problem.ts';
import { RequestRefusal } from './request-refusal.ts';
import { restHint } from './rest-hints.ts';

/** The statuses of `sql/ERRORS.md`, and of what the server itself cannot do now. */
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
/** Members of a problem that a detail of ours may not replace. */
const OWN = new Set(['type', 'title', 'status', 'detail', 'code', 'hint', 'instance']);

export type Failure = {
  status: number;
  code: string;
  message: string;
  hint?: string | undefined;
  detail: Json;
};

/** What a client is told of whatever was thrown; what is not his fault stands in our log under an id. */
export function failureOf(error: unknown, log: ErrorLog): Failure {
  if (error instanceof HowdahError && error.code in statuses) {
    const { code, message, hint, detail = {} } = error;
    const status = error instanceof RequestRefusal ? error.status : (statuses[code] ?? 400);
    return { status, code, message, hint, detail };
  }
  const told = explainFailure(error);
  const status = told ? statuses[told.extensions.code] : undefined;
  if (told && status !== undefined) {
    const { code, hint, detail = {} } = told.extensions;
    return { status, code, message: told.message, hint: hint && restHint(hint), detail };
  }
  const id = randomBytes(6).toString('hex');
  log(error, id);
  const message = `something went wrong on our side; it is logged as ${id}`;
  return { status: 500, code: 'EINTERNAL', message, detail: { id } };
}

/** A problem (RFC 9457): our detail stands among its members. */
export function problemOf({ status, code, message, hint, detail }: Failure) {
  const members = isJsonObject(detail)
    ? Object.entries(detail).filter(([name]) => !OWN.has(name))
    : [['details', detail]];
  const more = { ...(hint !== undefined && { hint }), ...Object.fromEntries(members) };
  return problem(status, code, message, more);
}

export function answerFailure(reply: FastifyReply, failure: Failure) {
  const { status, detail } = failure;
  const after = isJsonObject(detail) ? detail.retry_after_seconds : undefined;
  if (status === 429 && after != null) reply.header('retry-after', `${after}`);
  if (status === 503) reply.header('retry-after', RETRY_AFTER);
  if (status === 401) reply.header('www-authenticate', 'Bearer error="invalid_token"');
  return reply.code(status).type(PROBLEM_TYPE).send(problemOf(failure).body);
}
