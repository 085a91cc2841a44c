import type { IncomingHttpHeaders } from 'node:http';
import type { z } from 'zod';
import type { Client } from '../../../db/queries/json-rows.ts';
import type { SecretWriter } from '../../../secrets/writer.ts';
import type { LogStart } from '../../events/log-events.ts';
import type { RunCursor } from '../../events/run-events.ts';
import type { SessionCursor } from '../../events/session-events.ts';
import type { Identity } from '../../login/auth-result.ts';
import type { Permission } from '../../login/rights.ts';
import type { EventsOf } from './streams.ts';

/** What a request is answered with: JSON, or something of another type, or nothing. */
export type Answer = {
  /** 200 when absent. */
  status?: number;
  body?: unknown;
  text?: { type: string; content: string | Buffer };
  headers?: Readonly<Record<string, string>>;
  /** Of the row that is shown: the header ETag. */
  tag?: string;
  /** False when more is shown than the tag stands for: it is for `If-Match` alone. */
  isTagOfAll?: boolean;
};

/** Instead of an answer: events, until there are no more or nobody listens. */
export type Events = { events: EventsOf; headers?: Readonly<Record<string, string>> };

/** A request that is what its route takes. */
export type RouteInput<Params, Query, Body> = {
  params: Params;
  query: Query;
  body: Body;
  headers: IncomingHttpHeaders;
  identity: Identity;
  /** The path and query, for links to the next page. */
  url: string;
};

/** What a route may use besides the transaction it is given. */
export type RouteContext = {
  secrets: SecretWriter;
  /** A transaction as the caller; it waits for its turn. */
  transaction<T>(work: (db: Client) => Promise<T>): Promise<T>;
  /** Waits until a run has ended, at most so many milliseconds; holds no connection meanwhile. */
  ended(executionId: string, ms: number): Promise<void>;
  /** The events of a run or a session that the caller sees. */
  runEvents(executionId: string, after: RunCursor): EventsOf;
  sessionEvents(sessionId: string, after: SessionCursor): EventsOf;
  /** Streams the lines of the log that the caller may see. */
  logEvents(start: LogStart): EventsOf;
};

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What an answer is, for the description. */
export type Described = {
  description: string;
  schema?: z.ZodType;
  type?: string;
  /** Each event of the stream that a request may ask for in its place. */
  events?: z.ZodType;
};

/** One operation: what it takes, what it gives, what it does. OpenAPI is written from it, requests are checked by it. */
export type Route = {
  method: Method;
  /** As OpenAPI writes it: `/api/agents/{id}`. */
  path: string;
  /** The name of the operation. */
  id: string;
  tag: string;
  summary: string;
  description?: string;
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** A request without a body is none. */
  isBodyOptional?: boolean;
  /** The body is a text of one of these types, not JSON. */
  bodyTypes?: readonly string[];
  /** It makes something: with a known Idempotency-Key it is answered as the first time. */
  isKeyed?: boolean;
  /** Of an answer that holds what somebody said only the id is kept for its key; this finds it again, as it is by then. */
  findAgain?(db: Client, id: string): Promise<unknown>;
  /** A list, or figures: read from a replica where there is one. */
  isReplicable?: boolean;
  /** Names that other systems have for fields, and ours. */
  words?: Readonly<Record<string, string>>;
  answers: Readonly<Record<number, Described>>;
  /** The permission that is checked before the body is read, since reading takes long. */
  permission?: Permission;
  /** Answers in one transaction. */
  work?(db: Client, asked: RouteInput<never, never, never>, means: RouteContext): Promise<Answer>;
  /** Answers in transactions of its own, or with events. */
  serve?(asked: RouteInput<never, never, never>, means: RouteContext): Promise<Answer | Events>;
  /** Of what `work` has answered: the run whose events are sent in its place, where the request asks for them. */
  follows?(
    asked: RouteInput<never, never, never>,
    answer: Answer,
    means: RouteContext,
  ): Promise<string | undefined>;
};

type Shape<S extends z.ZodType | undefined> = S extends z.ZodType ? z.output<S> : undefined;

/** A route whose handler knows the types of what it takes. */
export function route<
  P extends z.ZodObject | undefined = undefined,
  Q extends z.ZodObject | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
>(
  definition: Omit<Route, 'params' | 'query' | 'body' | 'work' | 'serve' | 'follows'> & {
    params?: P;
    query?: Q;
    body?: B;
    work?(
      db: Client,
      asked: RouteInput<Shape<P>, Shape<Q>, Shape<B>>,
      means: RouteContext,
    ): Promise<Answer>;
    serve?(
      asked: RouteInput<Shape<P>, Shape<Q>, Shape<B>>,
      means: RouteContext,
    ): Promise<Answer | Events>;
    follows?(
      asked: RouteInput<Shape<P>, Shape<Q>, Shape<B>>,
      answer: Answer,
      means: RouteContext,
    ): Promise<string | undefined>;
  },
): Route {
  return definition as unknown as Route;
}
