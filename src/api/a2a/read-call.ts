import type { z } from 'zod';
import type { Json } from '../../json/json.ts';
import { checkShape } from '../../operations/check-shape.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import type { ProtocolRequest } from '../conversation-protocols/conversation-endpoint.ts';
import { readJson } from '../http/json-body.ts';
import { findUnstorable } from '../http/jsonb-safety.ts';
import { mostBytesFor } from '../login/rights.ts';
import { type RpcId, rpcRequest } from './a2a-schema.ts';
import { LEGACY_METHODS } from './legacy.ts';
import { A2aRefusal } from './rpc-errors.ts';

/** A call as it was sent. `method` is the name of the method in 1.0. */
export type RpcCall = { id: RpcId; method: string; params: unknown; isLegacy: boolean };

/** A request that cannot be read, with its id if the id is known. */
export class Unreadable extends A2aRefusal {
  id: RpcId = null;
}

/**
 * Returns the call in a request, or undefined if the client has disconnected. Throws for an invalid
 * request.
 */
export async function readCall({
  request,
  transaction,
}: Pick<ProtocolRequest, 'request' | 'transaction'>): Promise<RpcCall | undefined> {
  const mostBytes = await mostBytesFor({ transaction }, request.headers);
  const body = await readJson(request.raw, mostBytes);
  if (!body.ok) {
    if (body.fault === 'gone') return undefined;
    const { status, message, hint } = body.fault;
    if (status !== 400) throw new RequestRefusal(status, message, { hint });
    throw new Unreadable('parse', message);
  }
  return callIn(body.value, request.headers['a2a-version']);
}

function callIn(value: Json, version: string | string[] | undefined): RpcCall {
  const parsed = rpcRequest.safeParse(value);
  if (!parsed.success) {
    throw new Unreadable('request', 'the request is not a JSON-RPC 2.0 object with a method');
  }
  const { id = null, method, params = {} } = parsed.data;
  const refuse = (fault: 'version' | 'method' | 'params', message: string): never => {
    throw Object.assign(new Unreadable(fault, message), { id });
  };
  if (version !== undefined && version !== '1.0' && version !== '0.3') {
    refuse('version', `A2A ${String(version).slice(0, 20)} is not supported; use 1.0 or 0.3`);
  }
  const legacy = LEGACY_METHODS.get(method);
  const isLegacy = legacy !== undefined;
  if (version !== undefined && isLegacy !== (version === '0.3')) {
    refuse('method', `there is no method ${method.slice(0, 100)} in A2A ${version}`);
  }
  const fault = findUnstorable(params as Json, 'params');
  if (fault) refuse('params', `${fault.path} ${fault.reason}`);
  return { id, method: legacy ?? method, params, isLegacy };
}

/**
 * Returns the parameters of a method that match its schema. Throws `A2aRefusal` for invalid
 * parameters.
 */
export function paramsOf<S extends z.ZodType>(schema: S, params: unknown): z.output<S> {
  const checked = checkShape(schema, params);
  if ('value' in checked) return checked.value;
  const [issue] = checked.issues;
  const field = (issue?.path ?? []).join('.');
  const isMissing = /received undefined$/.test(issue?.message ?? '');
  const message = isMissing ? `${field} is missing` : `${field}: ${issue?.message}`;
  throw new A2aRefusal('params', message, { field });
}
