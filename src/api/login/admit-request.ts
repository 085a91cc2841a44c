import type { IncomingMessage, ServerResponse } from 'node:http';
import { EXECUTION_HEADER, parseExecutionHeader } from '../../network/execution-header.ts';
import { sendLimitRefusal, sendRefusal } from '../errors/problem.ts';
import type { CountRequest } from '../limits/request-limits.ts';
import type { Identity } from './auth-result.ts';
import type { Identities } from './identities.ts';
import type { Login } from './login.ts';

export type AdmitOptions = { login: Login; countRequest: CountRequest; identities: Identities };

/**
 * Authenticates and counts a request, and remembers the identity of its caller. Returns undefined
 * if the request is rejected; then it is answered.
 */
export async function admitRequest(
  request: IncomingMessage,
  response: ServerResponse,
  { login, countRequest, identities }: AdmitOptions,
): Promise<Identity | undefined> {
  const result = await login(request.headers.authorization);
  if (!result.ok) {
    sendRefusal(response, result.refusal);
    return undefined;
  }
  const refusal = await countRequest(result.value);
  if (refusal) {
    sendLimitRefusal(response, refusal);
    return undefined;
  }
  const identity = withCause(result.value, request);
  identities.set(request, identity);
  return identity;
}

/** Adds the run that sent a request to the identity of its caller. */
export function withCause(identity: Identity, { headers }: IncomingMessage): Identity {
  const causedBy = parseExecutionHeader(headers[EXECUTION_HEADER]);
  return causedBy === undefined ? identity : { ...identity, causedBy };
}
