import type { z } from 'zod';
import type { EndedModelTest, TestedModel } from '../../../contracts/agents/model-test.ts';
import type { ReadLimits, Rows } from '../../../contracts/bounded-read.ts';
import type { Outcome } from '../../../contracts/errors.ts';
import type { Queryable } from '../../../db/connection/pool.ts';
import type { OpenedList } from '../../../db/lists/follow-list.ts';
import type {
  Answer,
  OperationContext,
  OperationDescription,
  OperationInput,
} from '../../../operations/operation.ts';
import type { LogStart } from '../../events/log-events.ts';
import type { RunCursor } from '../../events/run-events.ts';
import type { SessionCursor } from '../../events/session-events.ts';
import type { ReadOwnPart } from '../../lists/list-events.ts';
import type { Identity } from '../../login/auth-result.ts';
import type { EventsOf } from './streams.ts';

/** The answer to a request: JSON, content of another type, or nothing. */
export type RouteResponse = Omit<Answer<unknown>, 'body'> & {
  body?: unknown;
  text?: { type: string; content: string | Buffer };
};

/**
 * Events in place of an answer. The stream ends with the last event, or when the client
 * disconnects.
 */
export type Events = { events: EventsOf; headers?: Readonly<Record<string, string>> };

/** A request whose parts match its route. */
export type RouteInput<Params, Query, Body> = OperationInput<Params, Query, Body> & {
  identity: Identity;
};

/** True if a stream also has the events of the runs below. */
export type TreeOptions = { tree?: boolean | undefined };

/** Services that a route may use besides its transaction. */
export type RouteContext = OperationContext & {
  /** Waits for its turn, and runs `work` in a transaction as the caller. */
  transaction<T>(work: (db: Queryable) => Promise<T>): Promise<T>;
  /**
   * Runs a SELECT that the caller wrote when the turn of the tenant has come, with the rows that
   * the caller may see. Contents stay encrypted.
   */
  queryRows(query: string, limits: ReadLimits): Promise<Outcome<Rows>>;
  /** Returns a signal that fires when the client disconnects before its answer is written. */
  leftSignal(): AbortSignal;
  /** Tests a model that is not stored, with its key. Absent if this API calls no models. */
  tryUnsavedModel?(tested: TestedModel, key: string | undefined): Promise<EndedModelTest>;
  /**
   * Waits until a run has ended, for at most `ms` milliseconds. Uses no connection while it waits.
   */
  waitForEnd(executionId: string, ms: number): Promise<void>;
  /** Streams the events of a run or a session that the caller may see. */
  runEvents(executionId: string, after: RunCursor, options?: TreeOptions): EventsOf;
  sessionEvents(sessionId: string, after: SessionCursor, options?: TreeOptions): EventsOf;
  /** Streams the lines of the log that the caller may see. */
  logEvents(start: LogStart): EventsOf;
  /**
   * Streams the changes of a list that was opened as the caller. `readOwn` reads the part of rows
   * that differs by caller.
   */
  listEvents(
    opened: OpenedList,
    readOwn?: (db: Queryable, ids: readonly string[]) => ReturnType<ReadOwnPart>,
  ): EventsOf;
};

/**
 * An operation of REST: its input, its answers and its handler. An `Operation`, which commands
 * share, is a route as it is. The OpenAPI document is generated from the routes, and requests are
 * checked against them.
 */
export type Route = OperationDescription & {
  /** Media types of a body that is text, not JSON. */
  bodyTypes?: readonly string[];
  /** Media types of files. The handler gets their bytes as base64. Only with `bodyTypes`. */
  fileTypes?: readonly string[];
  /** The most bytes of a body, if they are more than those of other requests. */
  maxBytes?: number;
  /**
   * Reads the body of an answer again, in its current state. Only the id of an answer that contains
   * message content is stored for its key.
   */
  findAgain?(db: Queryable, id: string): Promise<unknown>;
  /** Field names of other systems, each with our name. */
  fieldAliases?: Readonly<Record<string, string>>;
  /**
   * Aliases that answers also show. Where both names are sent with different values, both reach the
   * handler, which takes the changed one.
   */
  shownAliases?: readonly string[];
  /** Names of query parameters in other systems, each with our name. */
  queryAliases?: Readonly<Record<string, string>>;
  /** Does what comes before `work`, in transactions of its own. */
  prepare?(
    transaction: RouteContext['transaction'],
    input: RouteInput<never, never, never>,
    signal?: AbortSignal,
  ): Promise<void>;
  /** Answers a request in one transaction. */
  work?(
    db: Queryable,
    input: RouteInput<never, never, never>,
    context: RouteContext,
  ): Promise<RouteResponse>;
  /** Answers a request in transactions of its own, or with events. */
  serve?(
    input: RouteInput<never, never, never>,
    context: RouteContext,
  ): Promise<RouteResponse | Events>;
  /**
   * Returns the run whose events are sent in place of the answer of `work`, if the request asks for
   * events.
   */
  follows?(
    input: RouteInput<never, never, never>,
    answer: RouteResponse,
    context: RouteContext,
  ): Promise<string | undefined>;
};

type Shape<S extends z.ZodType | undefined> = S extends z.ZodType ? z.output<S> : undefined;

/** Returns a route whose handler has the types of its input. */
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
      db: Queryable,
      input: RouteInput<Shape<P>, Shape<Q>, Shape<B>>,
      context: RouteContext,
    ): Promise<RouteResponse>;
    serve?(
      input: RouteInput<Shape<P>, Shape<Q>, Shape<B>>,
      context: RouteContext,
    ): Promise<RouteResponse | Events>;
    follows?(
      input: RouteInput<Shape<P>, Shape<Q>, Shape<B>>,
      answer: RouteResponse,
      context: RouteContext,
    ): Promise<string | undefined>;
  },
): Route {
  return definition as unknown as Route;
}
