import type { Json } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { apiUrl } from './base-path.ts';
import { Failure, failureOfError, failureOfProblem, LOGIN_NEEDED, UNREACHABLE } from './failure.ts';
import type { Operation } from './operation.ts';
import { sessionKey, setSessionKey } from './session-key.ts';

const UNAUTHORIZED = 401;

type Body = { data?: Json; errors?: Json[] };

/** Runs a query or a mutation. Throws a `Failure`. A login that is not valid any more ends. */
export async function ask<Result, Variables>(
  operation: Operation<Result, Variables>,
  variables: Variables,
  key = sessionKey(),
): Promise<Result> {
  const response = await send({ query: operation.text, variables }, key);
  const body = await readBody(response);
  const [error] = (body as Body).errors ?? [];
  if (error !== undefined && response.status !== UNAUTHORIZED) throw failureOfError(error);
  if (response.ok) return (body as Body).data as Result;
  const failure = failureOfProblem(body, response.status);
  if (failure.code === LOGIN_NEEDED && key !== undefined && key === sessionKey()) {
    setSessionKey(undefined);
  }
  throw failure;
}

async function send(body: object, key: string | undefined): Promise<Response> {
  const login: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
  try {
    return await fetch(apiUrl('/graphql'), {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...login },
      body: JSON.stringify(body),
      redirect: 'error',
    });
  } catch {
    throw new Failure('The server cannot be reached.', UNREACHABLE);
  }
}

async function readBody(response: Response): Promise<Json> {
  try {
    return parseJson(await response.text());
  } catch {
    return {};
  }
}
