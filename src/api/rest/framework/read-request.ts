import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Json } from '../../../json/json.ts';
import { checkDocument, checkInput } from '../../../operations/check-input.ts';
import { RequestRefusal } from '../../../resources/request-refusal.ts';
import { readJson, readText } from '../../http/json-body.ts';
import { findUnstorable } from '../../http/jsonb-safety.ts';
import { MAX_REQUEST_BYTES } from '../../http/server-limits.ts';
import { translateNames } from './field-aliases.ts';
import type { Route } from './route.ts';

type Read = { params: unknown; query: unknown; body: unknown };

/**
 * Returns the checked parts of a request, or undefined if the client has disconnected in the
 * meantime. Throws `HWINV`.
 */
export async function readRequest(
  route: Route,
  request: FastifyRequest,
): Promise<Read | undefined> {
  const sent = await bodyOf(route, request);
  if (sent === 'gone') return undefined;
  const read = checkInput(route, {
    params: request.params,
    query: translateNames(request.query, route.queryAliases),
    body: translateNames(sent, route.fieldAliases, route.shownAliases),
  });
  refuseUnstorable(read, /^request\.\w+\./);
  return read;
}

/**
 * Returns a document that matches a schema, for protocols whose requests have no path and no query.
 * Throws `HWINV`.
 */
export function readMessage<S extends z.ZodType>(schema: S, sent: Json): z.output<S> {
  const value = checkDocument(schema, sent);
  refuseUnstorable(value, /^request\./);
  return value;
}

function refuseUnstorable(read: unknown, before: RegExp): void {
  const fault = findUnstorable(read, 'request');
  if (fault === undefined) return;
  const field = fault.path.replace(before, '');
  throw new RequestRefusal(400, `${field} ${fault.reason}`, {
    hint: 'Leave it out.',
    detail: { field },
  });
}

async function bodyOf(route: Route, { raw, headers }: FastifyRequest): Promise<unknown> {
  const isEmpty =
    headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
  if (route.body === undefined) return undefined;
  if (isEmpty && route.isBodyOptional) return {};
  if (isEmpty) {
    throw new RequestRefusal(400, 'the request has no body', { hint: 'Send it as JSON.' });
  }
  const { bodyTypes, fileTypes = [], maxBytes = MAX_REQUEST_BYTES } = route;
  const body = bodyTypes
    ? await readText(raw, maxBytes, { texts: bodyTypes, files: fileTypes })
    : await readJson(raw, maxBytes);
  if (body.ok) return body.value;
  if (body.fault === 'gone') return 'gone';
  const { status, message, hint } = body.fault;
  throw new RequestRefusal(status, message, { hint });
}
