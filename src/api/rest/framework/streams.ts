import type { ServerResponse } from 'node:http';
import type { StreamEvent } from '../../../contracts/runs/stream-event.ts';
import { RequestRefusal } from '../../../resources/request-refusal.ts';
import type { ErrorAnswer } from '../../errors/answer-error.ts';
import { type EventStreamOptions, openEventStream } from '../../http/event-stream.ts';
import type { CallerTurns } from '../../limits/caller-turns.ts';
import { whenClosed } from '../../limits/connection-draining.ts';
import type { StreamLimits } from '../../limits/stream-limits.ts';
import type { IsActiveAccount } from '../../login/account-status.ts';
import type { Identity, LoginRefusal } from '../../login/auth-result.ts';
import { type AuthenticatedConnection, evictExpired } from '../../login/evict-expired.ts';

/** Time that clients wait before they reconnect, in milliseconds. */
const RETRY_MS = 2_000;

/** Source of the events to write, until the signal is aborted. */
export type EventsOf = (signal: AbortSignal) => AsyncIterable<StreamEvent>;

export type StreamsOptions = {
  exists: IsActiveAccount;
  limits: StreamLimits;
  turns: CallerTurns;
  failureOf(error: unknown): ErrorAnswer;
  heartbeatMs?: number;
  stalledMs?: number;
};

/**
 * The lasting answers of a server: streams of events, and requests that wait for a run. Each ends
 * with the token, key or user of its caller, as sockets do.
 */
export class Streams {
  readonly #limits: StreamLimits;
  readonly #turns: CallerTurns;
  readonly #failureOf: StreamsOptions['failureOf'];
  readonly #pace: EventStreamOptions;
  readonly #open = new Set<AuthenticatedConnection>();
  readonly #closing = new AbortController();
  readonly #endSweep: () => void;
  /** The responses that `admit` has counted. */
  readonly #counted = new WeakSet<ServerResponse>();

  constructor({ exists, limits, turns, failureOf, ...pace }: StreamsOptions) {
    this.#limits = limits;
    this.#turns = turns;
    this.#failureOf = failureOf;
    this.#pace = pace;
    this.#endSweep = evictExpired(exists, () => this.#open);
  }

  /**
   * Counts a lasting answer until the returned function is called. Is called before anything is
   * read or started for the answer. Throws like `StreamLimits` if the caller has too many streams.
   */
  admit(response: ServerResponse, identity: Identity): () => void {
    const uncount = this.#limits.open(identity);
    this.#counted.add(response);
    return uncount;
  }

  /**
   * Writes events until the source ends or the client disconnects, which aborts the `signal` of the
   * source. Counts the answer if `admit` has not done so. Throws like `admit` before anything is
   * written.
   */
  async write(
    response: ServerResponse,
    identity: Identity,
    events: EventsOf,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const uncount = this.#countOnce(response, identity);
    const writer = openEventStream(response, { ...this.#pace, headers });
    response.write(`retry: ${RETRY_MS}\n\n`);
    const stream = this.#add(response, identity, (refusal) => writer.end(errorFrame(refusal)));
    try {
      for await (const event of events(stream.signal)) {
        await this.#turns.nextRow(identity);
        if (stream.signal.aborted) break;
        await writer.write(frameOf(event));
      }
    } catch (error) {
      writer.end(errorFrame(this.#failureOf(error)));
    } finally {
      uncount();
      stream.remove();
      writer.end();
    }
  }

  /**
   * Waits until `work` resolves. Its signal fires when the time is over, the client disconnects, or
   * the server closes. Does not wait if the answer is not counted and the caller has too many
   * streams. Throws 401 if the login of the caller ends.
   */
  async wait(
    response: ServerResponse,
    identity: Identity,
    ms: number,
    work: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const uncount = unlessRefused(() => this.#countOnce(response, identity));
    if (!uncount) return;
    let refused: LoginRefusal | undefined;
    const request = this.#add(response, identity, (refusal) => {
      refused = refusal;
    });
    const timer = setTimeout(request.abort, ms);
    try {
      await work(request.signal);
    } finally {
      uncount();
      clearTimeout(timer);
      request.remove();
    }
    if (refused) throw loginEnded(refused);
  }

  /** Ends all streams and all waiting requests. */
  close(): void {
    this.#endSweep();
    this.#closing.abort();
  }

  #countOnce(response: ServerResponse, identity: Identity): () => void {
    return this.#counted.has(response) ? () => {} : this.#limits.open(identity);
  }

  /**
   * Adds an answer under way. Its signal fires when the client disconnects, the login ends, the
   * server closes, or `abort` is called. `onRefused` is called before that when the login ends.
   */
  #add(response: ServerResponse, identity: Identity, onRefused: (refusal: LoginRefusal) => void) {
    const leaving = new AbortController();
    const abort = () => leaving.abort();
    const connection: AuthenticatedConnection = {
      identity,
      leave(refusal) {
        onRefused(refusal);
        abort();
      },
    };
    const unwatch = whenClosed(response, abort);
    this.#open.add(connection);
    return {
      signal: AbortSignal.any([leaving.signal, this.#closing.signal]),
      abort,
      remove: () => {
        this.#open.delete(connection);
        unwatch();
      },
    };
  }
}

/**
 * Returns undefined when there are too many streams. The run has already started, and the answer
 * does not wait for it.
 */
function unlessRefused<T>(open: () => T): T | undefined {
  try {
    return open();
  } catch {
    return undefined;
  }
}

function loginEnded({ status, message, code, hint, reason }: LoginRefusal): RequestRefusal {
  return new RequestRefusal(status, message, { code, hint, detail: { reason } });
}

function errorFrame({
  code,
  message,
  status,
}: Pick<ErrorAnswer, 'code' | 'message' | 'status'>): string {
  return frameOf({ event: 'error', data: { code, message, status } });
}

/** Returns an event in the format `text/event-stream`. The JSON of an event has no line breaks. */
export function frameOf(streamEvent: StreamEvent): string {
  const known = frames.get(streamEvent);
  if (known !== undefined) return known;
  const { event, id, data } = streamEvent;
  const lines = [`event: ${event}`, ...(id === undefined ? [] : [`id: ${id}`])];
  const frame = `${lines.join('\n')}\ndata: ${JSON.stringify(data)}\n\n`;
  frames.set(streamEvent, frame);
  return frame;
}

/** Cache of frames, because many streams write the same event. */
const frames = new WeakMap<StreamEvent, string>();
