import type { Json } from '../json/json.ts';
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

export function createCall(ask: HttpClient): CallOperation {
  return async (id, ...[input]) => {
    const { params = {}, query = {}, body, headers = {} } = (input ?? {}) as AnyInput;
    const [method, path, type] = operations[id] as readonly string[] as [string, string, string?];
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
