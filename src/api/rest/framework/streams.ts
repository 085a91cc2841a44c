import type { ServerResponse } from 'node:http';
import type { StreamEvent } from '../../../contracts/runs/stream-event.ts';
import type { Failure } from '../../errors/answer-error.ts';
import { RequestRefusal } from '../../errors/request-refusal.ts';
import { openEventStream } from '../../http/event-stream.ts';
import { whenClosed } from '../../limits/connection-draining.ts';
import type { StreamLimits } from '../../limits/stream-limits.ts';
import type { IsActiveAccount } from '../../login/account-status.ts';
import type { Identity, Refusal } from '../../login/auth-result.ts';
import { evictExpired, type OpenConnection } from '../../login/evict-expired.ts';

/** Time that clients wait before they reconnect, in milliseconds. */
const RETRY_MS = 2_000;

/** Lasting answers: streams of events, and requests that wait for a run. */
export type Streams = {
  /**
   * Counts a lasting answer until the returned function is called. Is called before anything is
   * read or started for the answer. Throws like `StreamLimits` if the caller has too many streams.
   */
  admit(response: ServerResponse, identity: Identity): () => void;
  /**
   * Writes events until the source ends or the client disconnects, which aborts the `signal` of the
   * source. Counts the answer if `admit` has not done so. Throws like `admit` before anything is
   * written.
   */
  write(
    response: ServerResponse,
    identity: Identity,
    events: EventsOf,
    headers?: Readonly<Record<string, string>>,
  ): Promise<void>;
  /**
   * Waits until `begin` resolves, the time is over, the client disconnects, or the server closes.
   * Does not wait if the answer is not counted and the caller has too many streams. Throws 401 if
   * the login of the caller ends.
   */
  hold(
    response: ServerResponse,
    identity: Identity,
    ms: number,
    begin: (signal: AbortSignal) => Promise<void>,
  ): Promise<void>;
  /** Ends all streams and all waiting requests. */
  close(): void;
};

/** Source of the events to write, until the signal is aborted. */
export type EventsOf = (signal: AbortSignal) => AsyncIterable<StreamEvent>;

export type StreamsOptions = {
  exists: IsActiveAccount;
  limits: StreamLimits;
  failureOf(error: unknown): Failure;
  heartbeatMs?: number;
  stalledMs?: number;
};

/**
 * Creates the registry of open streams. A stream ends with the token, key or user of its caller, as
 * sockets do.
 */
export function createStreams(options: StreamsOptions): Streams {
  const { exists, limits, failureOf, ...pace } = options;
  const open = new Set<OpenConnection>();
  const closing = new AbortController();
  const endSweep = evictExpired(exists, () => open);
  const counted = new WeakSet<ServerResponse>();
  const countOnce = (response: ServerResponse, identity: Identity) =>
    counted.has(response) ? () => {} : limits.open(identity);
  return {
    admit(response, identity) {
      const uncount = limits.open(identity);
      counted.add(response);
      return uncount;
    },
    async write(response, identity, events, headers = {}) {
      const uncount = countOnce(response, identity);
      const leaving = new AbortController();
      const signal = AbortSignal.any([leaving.signal, closing.signal]);
      const leave = () => leaving.abort();
      whenClosed(response, leave);
      const writer = openEventStream(response, { ...pace, headers });
      response.write(`retry: ${RETRY_MS}\n\n`);
      const stream: OpenConnection = {
        identity,
        leave(refusal) {
          const { code, message, status } = refusal;
          writer.end(frameOf({ event: 'error', data: { code, message, status } }));
          leaving.abort();
        },
      };
      open.add(stream);
      try {
        for await (const event of events(signal)) {
          if (signal.aborted) break;
          await writer.write(frameOf(event));
        }
      } catch (error) {
        const { code, message, status } = failureOf(error);
        writer.end(frameOf({ event: 'error', data: { code, message, status } }));
      } finally {
        uncount();
        open.delete(stream);
        response.off('close', leave);
        writer.end();
      }
    },
    async hold(response, identity, ms, begin) {
      const uncount = unlessRefused(() => countOnce(response, identity));
      if (!uncount) return;
      const leaving = new AbortController();
      const leave = () => leaving.abort();
      whenClosed(response, leave);
      const waiting = setTimeout(leave, ms);
      let refused: Refusal | undefined;
      const guest: OpenConnection = {
        identity,
        leave(refusal) {
          refused = refusal;
          leave();
        },
      };
      open.add(guest);
      try {
        await begin(AbortSignal.any([leaving.signal, closing.signal]));
      } finally {
        uncount();
        open.delete(guest);
        clearTimeout(waiting);
        response.off('close', leave);
      }
      if (refused) throw turnedOut(refused);
    },
    close() {
      endSweep();
      closing.abort();
    },
  };
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

function turnedOut({ status, message, code, hint, reason }: Refusal): RequestRefusal {
  return new RequestRefusal(status, message, { code, hint, detail: { reason } });
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
