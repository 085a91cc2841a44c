import { type Client, createClient } from 'graphql-ws';
import { useSyncExternalStore } from 'react';
import type { Json } from '../../json/json.ts';
import { createExactReviver } from '../../json/parse-json.ts';
import { apiUrl } from './base-path.ts';
import { Failure, failureOfError, LOGIN_NEEDED, UNREACHABLE } from './failure.ts';
import type { Operation } from './operation.ts';
import { sessionKey, setSessionKey } from './session-key.ts';

/** State of the connection: `idle` while nothing is followed. */
export type SocketState = 'idle' | 'connecting' | 'live' | 'lost';

/** Codes with which the server closes a socket whose login is not valid. */
const LOGIN_CODES: readonly unknown[] = [4401, 4403];
const LONGEST_PAUSE_MS = 15_000;

const listeners = new Set<() => void>();
const restarts = new Set<() => void>();
let state: SocketState = 'idle';
let client: Client | undefined;

function setState(next: SocketState): void {
  state = next;
  for (const listener of listeners) listener();
}

/** Returns the state of the connection, and renders again when it changes. */
export function useSocketState(): SocketState {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    () => state,
  );
}

/** Closes the connection, for example because another person logs in. */
export function closeSocket(): void {
  void client?.dispose();
  client = undefined;
  setState('idle');
}

/**
 * Follows a subscription until the returned function is called. A lost connection is opened again,
 * and the subscription starts anew: it sends the rows that it begins with once more.
 */
export function follow<Result, Variables extends object>(
  operation: Operation<Result, Variables>,
  variables: Variables,
  observer: {
    next(result: Result): void;
    failed(failure: Failure): void;
    restarted(): void;
    /** Called when the server ends the subscription. */
    ended(): void;
  },
): () => void {
  let isLeft = false;
  client ??= openClient();
  restarts.add(observer.restarted);
  const unsubscribe = client.subscribe<Result>(
    {
      query: operation.text,
      variables: { ...variables } as Record<string, unknown>,
    },
    {
      next({ data, errors }) {
        if (errors?.[0]) observer.failed(failureOfError(errors[0] as unknown as Json));
        else if (data) observer.next(data);
      },
      error: (error) => observer.failed(failureOf(error)),
      complete: () => {
        if (!isLeft) observer.ended();
      },
    },
  );
  return () => {
    isLeft = true;
    restarts.delete(observer.restarted);
    unsubscribe();
  };
}

function openClient(): Client {
  const url = apiUrl('/graphql');
  url.protocol = url.protocol.replace('http', 'ws');
  return createClient({
    url: url.href,
    connectionParams: () => {
      const key = sessionKey();
      return key === undefined ? {} : { authorization: `Bearer ${key}` };
    },
    jsonMessageReviver: createExactReviver(),
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    retryWait: (retries) => pause(Math.min(LONGEST_PAUSE_MS, 500 * 2 ** retries)),
    on: {
      connecting: () => setState(state === 'lost' ? 'lost' : 'connecting'),
      connected: (_socket, _payload, isRetry) => {
        setState('live');
        if (isRetry) for (const restarted of restarts) restarted();
      },
      closed: (event) => closed(event as CloseEvent),
    },
  });
}

/** A socket that nobody uses is closed with 1000. */
function closed({ code }: CloseEvent): void {
  setState(code === 1000 ? 'idle' : 'lost');
  if (LOGIN_CODES.includes(code) && sessionKey() !== undefined) setSessionKey(undefined);
}

/** Waits, with a part that differs from browser to browser, so that not all come at once. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms * (0.5 + Math.random())));
}

function failureOf(error: unknown): Failure {
  if (Array.isArray(error)) return failureOfError((error[0] ?? null) as Json);
  if (LOGIN_CODES.includes((error as { code?: unknown } | undefined)?.code)) {
    return new Failure('The login is not valid any more.', LOGIN_NEEDED);
  }
  return new Failure('The live connection was closed.', UNREACHABLE);
}
