import type { ApiServer } from '../../../src/api/server.ts';
import type { Answer } from '../harness.ts';

export type Called = { status: number; body: Answer; headers: Headers };
export type CallOptions = { token?: string; headers?: Record<string, string> };

/**
 * Sends one REST request. The body is sent as JSON, unless it is a string or bytes, whose type is
 * in the headers.
 */
export async function call(
  api: ApiServer,
  method: string,
  path: string,
  body?: unknown,
  { token, headers = {} }: CallOptions = {},
): Promise<Called> {
  const response = await fetch(`${api.url}${path}`, {
    method,
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: isSentAsItIs(body) ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json');
  return {
    status: response.status,
    body: isJson && text ? JSON.parse(text) : text,
    headers: response.headers,
  };
}

const isSentAsItIs = (body: unknown): body is string | Uint8Array<ArrayBuffer> =>
  typeof body === 'string' || body instanceof Uint8Array;
