import type { Json } from '../json/json.ts';
import { bodyOf, type HttpClient } from './http.ts';
import { type Operations, operations } from './operations.generated.ts';

type Takes<Id extends keyof Operations> = Operations[Id]['takes'] & {
  /** Such as `Idempotency-Key` and `If-Match`. */
  headers?: Record<string, string>;
};
/** What an operation needs nothing of may be left out. */
type Given<Id extends keyof Operations> =
  Partial<Operations[Id]['takes']> extends Operations[Id]['takes']
    ? [given?: Takes<Id>]
    : [given: Takes<Id>];

/** Any operation of `/docs`, by its name there, with the types of what it takes and gives. */
export type Call = <Id extends keyof Operations>(
  id: Id,
  ...given: Given<Id>
) => Promise<Operations[Id]['gives']>;

type AnyGiven = {
  params?: Record<string, string>;
  query?: Record<string, unknown>;
  body?: Json;
  headers?: Record<string, string>;
};

export function caller(ask: HttpClient): Call {
  return async (id, ...[given]) => {
    const { params = {}, query = {}, body, headers = {} } = (given ?? {}) as AnyGiven;
    const [method, path, type] = operations[id] as readonly string[] as [string, string, string?];
    const search = new URLSearchParams(
      Object.entries(query)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]): [string, string] => [name, String(value)]),
    ).toString();
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, name) =>
      encodeURIComponent(params[name] ?? ''),
    );
    const response = await ask(method, search === '' ? filled : `${filled}?${search}`, body, {
      ...(type !== undefined && { 'content-type': type }),
      ...headers,
    });
    return (await bodyOf(response)) as Operations[typeof id]['gives'];
  };
}
