import { shownPath } from '../http/path.ts';
import type { OpenAiError } from './openai-errors.ts';

/** Paths under /v1 and their methods. */
const METHODS: readonly (readonly [path: RegExp, method: string])[] = [
  [/^\/v1\/chat\/completions$/, 'POST'],
  [/^\/v1\/responses$/, 'POST'],
  [/^\/v1\/models(\/.+)?$/, 'GET'],
];

export function isOpenAiPath(path: string): boolean {
  return path === '/v1' || path.startsWith('/v1/');
}

/**
 * Returns the error for an unknown path of OpenAI's API, or for a method that the path does not
 * have.
 */
export function notFoundError(method: string, path: string): OpenAiError {
  const [, only] = METHODS.find(([pattern]) => pattern.test(path)) ?? [];
  const pathText = shownPath(path);
  const error = { type: 'invalid_request_error', param: null };
  return only === undefined
    ? {
        status: 404,
        error: {
          ...error,
          message: `Unknown request URL: ${method} ${pathText}.`,
          code: 'unknown_url',
        },
        headers: {},
      }
    : {
        status: 405,
        error: {
          ...error,
          message: `Not allowed to ${method} on ${pathText}: use ${only}.`,
          code: 'method_not_supported',
        },
        headers: { allow: only },
      };
}
