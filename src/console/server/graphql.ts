import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { Failure, failureOfError, UNREACHABLE } from './failure.ts';
import type { Operation } from './operation.ts';
import { failureOfAnswer, sendRequest } from './request.ts';
import { sessionKey } from './session-key.ts';

const UNAUTHORIZED = 401;

/** Runs a query or a mutation. Throws a `Failure`. A login that is not valid any more ends. */
export async function request<Result, Variables>(
  operation: Operation<Result, Variables>,
  variables: Variables,
  key = sessionKey(),
): Promise<Result> {
  const query: JsonObject = { query: operation.text, variables: variables as Json };
  const answer = await sendRequest('/graphql', { method: 'POST', body: query }, key);
  const { data, errors } = isJsonObject(answer.body) ? answer.body : {};
  const [error] = Array.isArray(errors) ? errors : [];
  if (error !== undefined && answer.status !== UNAUTHORIZED) throw failureOfError(error);
  if (!answer.isOk) throw failureOfAnswer(answer, key);
  // Something between the server and this page answered, or cut the answer off
  if (!isJsonObject(data ?? null)) throw new Failure('The answer has no data.', UNREACHABLE);
  return data as Result;
}
