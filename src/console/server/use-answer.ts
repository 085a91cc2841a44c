import { request } from './graphql.ts';
import type { Operation } from './operation.ts';
import { type Loaded, useRequest } from './use-request.ts';

export type { Loaded } from './use-request.ts';

/** Runs a query, again whenever its variables change. Without variables it waits. */
export function useAnswer<Result, Variables>(
  operation: Operation<Result, Variables>,
  variables: Variables | undefined,
): Loaded<Result> {
  const key = variables === undefined ? '' : `${operation.name} ${JSON.stringify(variables)}`;
  return useRequest(key, () => request(operation, variables as Variables));
}
