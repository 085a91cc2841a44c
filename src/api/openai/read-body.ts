import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { checkShape } from '../../operations/check-shape.ts';
import { sentenceOf, zodMessage } from '../../operations/zod-messages.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import { readJson } from '../http/json-body.ts';
import { findUnstorable } from '../http/jsonb-safety.ts';
import { MAX_REQUEST_BYTES } from '../http/server-limits.ts';
import { invalidParameter } from './openai-errors.ts';

/**
 * Returns the body of a request that matches a schema, or undefined if the client has disconnected.
 * Throws for an invalid body.
 */
export async function readBody<S extends z.ZodType>(
  request: FastifyRequest,
  schema: S,
): Promise<z.output<S> | undefined> {
  const body = await readJson(request.raw, MAX_REQUEST_BYTES);
  if (!body.ok) {
    if (body.fault === 'gone') return undefined;
    const { status, message, hint } = body.fault;
    throw new RequestRefusal(status, message, { hint });
  }
  const checked = checkShape(schema, body.value);
  if ('value' in checked) {
    const fault = findUnstorable(checked.value, 'request');
    if (!fault) return checked.value;
    throw invalidParameter(fault.path.replace(/^request\./, ''), `${fault.path} ${fault.reason}`);
  }
  const [issue] = checked.issues.slice(0, 1).map(zodMessage);
  const field = (issue?.path ?? []).reduce<string>(
    (path, key) =>
      typeof key === 'number'
        ? `${path}[${key}]`
        : path === ''
          ? String(key)
          : `${path}.${String(key)}`,
    '',
  );
  if (!issue || field === '') throw invalidParameter('body', 'the request is not a JSON object');
  throw invalidParameter(field, sentenceOf(field, issue));
}
