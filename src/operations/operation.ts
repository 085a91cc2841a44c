import type { IncomingHttpHeaders } from 'node:http';
import type { z } from 'zod';
import type { Queryable } from '../db/connection/pool.ts';
import type { TaggedRow } from '../db/queries/row-collection.ts';
import type { Resource } from '../resources/resource.ts';
import type { SecretWriter } from '../secrets/writer.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Description of an answer in the OpenAPI document. */
export type AnswerDescription = {
  description: string;
  schema?: z.ZodType;
  type?: string;
  /** The schema of each event of the stream that a request may ask for in place of the answer. */
  events?: z.ZodType;
};

/** What programs and people learn of an operation. The OpenAPI document is made from it. */
export type OperationDescription = {
  method: Method;
  /** The path in the syntax of OpenAPI, such as `/api/agents/{id}`. */
  path: string;
  /** The name of the operation. */
  id: string;
  tag: string;
  summary: string;
  description?: string;
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** True if a request without a body counts as one with an empty object. */
  isBodyOptional?: boolean;
  /** True if people do it with a row without choosing fields of its body. */
  isPlainAction?: boolean;
  /**
   * True if the operation creates something. A request with a known Idempotency-Key gets the first
   * answer again.
   */
  isKeyed?: boolean;
  /** True for lists and figures, which are read from a replica if there is one. */
  isReplicable?: boolean;
  /** The permission that is checked before the body is read, since reading takes long. */
  permission?: { object: string; action?: string };
  answers: Readonly<Record<number, AnswerDescription>>;
};

/** The checked parts of a request, and its caller. Commands send no headers. */
export type OperationInput<Params, Query, Body> = {
  params: Params;
  query: Query;
  body: Body;
  headers: IncomingHttpHeaders;
  identity: { tenantId: string; userId?: string | undefined };
  /** The path and query, for links to the next page. */
  url: string;
};

/** Services that an operation may use besides its transaction. */
export type OperationContext = { secrets: SecretWriter };

/** Runs `work` in a transaction as the caller. */
export type InTransaction = <T>(work: (db: Queryable) => Promise<T>) => Promise<T>;

/** The answer of an operation, with its HTTP status (200 when absent) and headers. */
export type Answer<Body> = {
  status?: number;
  body: Body;
  /** The media type of a body that is text, which is sent unchanged; JSON when absent. */
  type?: string;
  headers?: Readonly<Record<string, string>>;
  /** The tag of the row that is shown, for the header ETag. */
  tag?: string;
  /**
   * False when the answer shows more than the tag stands for. The tag then serves `If-Match` only.
   */
  isTagOfAll?: boolean;
};

/** The arguments of an operation, as they are sent. */
export type Arguments = {
  params?: Readonly<Record<string, unknown>> | undefined;
  query?: Readonly<Record<string, unknown>> | undefined;
  body?: unknown;
};

/**
 * One operation on the data of a tenant. REST serves it at its path, and commands do it in a
 * transaction of their login, or over REST.
 */
export type Operation<
  Takes extends Arguments = Arguments,
  Gives = unknown,
> = OperationDescription & {
  /** Does what comes before, in transactions of its own, such as waiting for a worker. */
  prepare?(
    transaction: InTransaction,
    input: OperationInput<never, never, never>,
    signal?: AbortSignal,
  ): Promise<void>;
  /** Does the operation in a transaction as the caller. */
  work(
    db: Queryable,
    input: OperationInput<never, never, never>,
    context: OperationContext,
  ): Promise<Answer<Gives>>;
  /** The types of the arguments. There is no such value. */
  readonly takes?: Takes;
};

type Sent<S> = S extends z.ZodType ? z.input<S> : undefined;
type Read<S> = S extends z.ZodType ? z.output<S> : undefined;
/** A part of the arguments. It may be left out if it has no required field. */
type Part<Name extends string, S> =
  Record<never, never> extends Sent<S>
    ? { [name in Name]?: Sent<S> }
    : undefined extends Sent<S>
      ? { [name in Name]?: Sent<S> }
      : { [name in Name]: Sent<S> };
type Takes<P, Q, B> = Part<'params', P> & Part<'query', Q> & Part<'body', B>;

/** Returns an operation with the types of its arguments and its answer. */
export function operation<
  Gives,
  P extends z.ZodObject | undefined = undefined,
  Q extends z.ZodObject | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
>(
  definition: Omit<OperationDescription, 'params' | 'query' | 'body'> & {
    params?: P;
    query?: Q;
    body?: B;
    prepare?(
      transaction: InTransaction,
      input: OperationInput<Read<P>, Read<Q>, Read<B>>,
      signal?: AbortSignal,
    ): Promise<void>;
    work(
      db: Queryable,
      input: OperationInput<Read<P>, Read<Q>, Read<B>>,
      context: OperationContext,
    ): Promise<Answer<Gives>>;
  },
): Operation<Takes<P, Q, B>, Gives> {
  return definition as unknown as Operation<Takes<P, Q, B>, Gives>;
}

/** Returns the answer that shows a row. */
export function shownRow(
  { collection: { stamp } }: Pick<Resource, 'collection'>,
  { row, tag }: TaggedRow,
): Answer<TaggedRow['row']> {
  return { body: row, tag, isTagOfAll: stamp === undefined };
}
