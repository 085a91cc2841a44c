import { HowdahError } from '../contracts/errors.ts';
import type { Json } from '../json/json.ts';
import { closestNames } from '../text/closest-names.ts';
import { bodyOf, type HttpClient } from './http-client.ts';
import { type Operations, operations } from './operations.generated.ts';

type Takes<Id extends keyof Operations> = Operations[Id]['takes'] & {
  /** Headers such as `Idempotency-Key` and `If-Match`. */
  headers?: Record<string, string>;
};
/** The arguments of a call. An operation that requires nothing can be called without input. */
type CallInput<Id extends keyof Operations> =
  Partial<Operations[Id]['takes']> extends Operations[Id]['takes']
    ? [input?: Takes<Id>]
    : [input: Takes<Id>];

/** Calls an operation of `/docs` by its name there, with the types of its input and its answer. */
export type CallOperation = <Id extends keyof Operations>(
  id: Id,
  ...input: CallInput<Id>
) => Promise<Operations[Id]['gives']>;

type AnyInput = {
  params?: Record<string, string>;
  query?: Record<string, unknown>;
  body?: Json;
  headers?: Record<string, string>;
};

type Operation = readonly [method: string, path: string, type?: string];

function operationOf(id: string): Operation {
  const known: Readonly<Record<string, Operation>> = operations;
  if (Object.hasOwn(known, id)) return known[id] as Operation;
  const [near] = closestNames(id, Object.keys(known), 1);
  throw new HowdahError('HWNTF', `there is no operation ${id}`, {
    hint: near === undefined ? 'See /docs for the names of operations.' : `Did you mean ${near}?`,
    detail: { operation: id },
  });
}

export function createCall(ask: HttpClient): CallOperation {
  return async (id, ...[input]) => {
    const { params = {}, query = {}, body, headers = {} } = (input ?? {}) as AnyInput;
    const [method, path, type] = operationOf(id);
    const response = await ask(method, targetOf(path, params, query), body, {
      ...(type !== undefined && { 'content-type': type }),
      ...headers,
    });
    return (await bodyOf(response)) as Operations[typeof id]['gives'];
  };
}

/**
 * Returns the path of a request with its parameters and its query. Values that are undefined are
 * left out.
 */
export function targetOf(
  path: string,
  params: Readonly<Record<string, unknown>>,
  query: Readonly<Record<string, unknown>>,
): string {
  const search = new URLSearchParams(textsOf(query)).toString();
  const filledPath = path.replaceAll(/\{(\w+)\}/g, (_, name) =>
    encodeURIComponent(String(params[name] ?? '')),
  );
  return search === '' ? filledPath : `${filledPath}?${search}`;
}

/** Returns the parameters of a query as they are sent, without those that are undefined. */
export function textsOf(query: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(query)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]): [string, string] => [name, String(value)]),
  );
}
