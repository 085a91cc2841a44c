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
    const search = new URLSearchParams(
      Object.entries(query)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]): [string, string] => [name, String(value)]),
    ).toString();
    const filledPath = path.replaceAll(/\{(\w+)\}/g, (_, name) =>
      encodeURIComponent(params[name] ?? ''),
    );
    const target = search === '' ? filledPath : `${filledPath}?${search}`;
    const response = await ask(method, target, body, {
      ...(type !== undefined && { 'content-type': type }),
      ...headers,
    });
    return (await bodyOf(response)) as Operations[typeof id]['gives'];
  };
}
