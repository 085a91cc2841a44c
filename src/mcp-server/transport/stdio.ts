import type { Readable, Writable } from 'node:stream';
import type { JSONRPCMessage, Server } from '@modelcontextprotocol/server';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Json } from '../../json/json.ts';
import { unmarkNumbers } from '../../json/mark-numbers.ts';
import type { Caller } from '../caller.ts';
import { protectArguments } from '../calls/protected-arguments.ts';
import { createMcpServer } from '../mcp-server.ts';
import { LIST_NAMES, watchChanges } from './changes.ts';
import { notifyClient } from './legacy-stream.ts';
import { markedInput } from './marked-input.ts';
import { inMemorySubscriptions, type SessionSubscriptions } from './session-subscriptions.ts';

export type StdioOptions = {
  caller: Caller;
  input: Readable;
  output: Writable;
  onDisconnect: 'continue' | 'cancel';
  /** Ends the connection from our side. The runs continue. */
  signal: AbortSignal;
  onError(error: unknown): void;
};

/** Serves one client over two streams, until the client closes its end or the signal fires. */
export async function serveMcpStdio(options: StdioOptions): Promise<void> {
  const { caller, input, output, onDisconnect, signal, onError } = options;
  const transport = new StdioServerTransport(markedInput(input), output);
  const closed = new AbortController();
  const { tracked, waitUntilIdle } = trackTransactions(caller);
  const session = inMemorySubscriptions(tracked);
  let server: Server | undefined;
  const connection = serveStdio(
    () => {
      server = createMcpServer({
        caller: tracked,
        onDisconnect,
        isClosing: () => signal.aborted,
        session,
      });
      return server;
    },
    { transport, onerror: onError },
  );
  const onClose = transport.onclose;
  const over = new Promise<void>((resolve) => {
    transport.onclose = () => {
      onClose?.();
      closed.abort();
      resolve();
    };
  });
  signal.addEventListener('abort', () => void connection.close().catch(onError), { once: true });
  const listening = whenInitialized(transport, session, onError);
  const watching = Promise.race([listening, over]).then(async () => {
    if (closed.signal.aborted) return;
    const watch = await watchChanges({
      caller: tracked,
      subscriptions: async () => ({ lists: EVERY_LIST, runs: await session.subscriptions() }),
      report: (change) => server && notifyClient(server, change),
      signal: closed.signal,
    });
    await watch.over;
  });
  await Promise.all([over, watching.catch(onError)]);
  // A call that was cut off decides now whether its run is cancelled.
  await new Promise(setImmediate);
  await waitUntilIdle();
}

const EVERY_LIST = new Set(LIST_NAMES);

/**
 * Wraps a caller. Returns the wrapped caller, and a function that waits until none of its
 * transactions is open.
 */
function trackTransactions(caller: Caller): { tracked: Caller; waitUntilIdle(): Promise<void> } {
  const calls = new Set<Promise<unknown>>();
  const tracked: Caller = {
    ...caller,
    transact(work) {
      const result = caller.transact(work);
      const ended: Promise<void> = result.then(
        () => void calls.delete(ended),
        () => void calls.delete(ended),
      );
      calls.add(ended);
      return result;
    },
  };
  return {
    tracked,
    async waitUntilIdle() {
      while (calls.size > 0) await Promise.all(calls);
    },
  };
}

/**
 * Resolves when the client has initialized, or listens. The library itself answers a request to
 * listen. So the runs are read from the request, and their state is known before the answer, so
 * that no later change is missed. The library does not send changes that the client no longer
 * wants. A subscription that is refused is taken out of the request, so that the answer of the
 * library does not confirm it.
 */
function whenInitialized(
  transport: StdioServerTransport,
  session: SessionSubscriptions,
  onError: (error: unknown) => void,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const onMessage = transport.onmessage;
  transport.onmessage = (marked: JSONRPCMessage) => {
    const received = protectArguments(unmarkNumbers(marked as Json));
    const message = received as unknown as JSONRPCMessage;
    if (!('method' in message) || message.method !== 'subscriptions/listen') {
      onMessage?.(message);
      if ('method' in message && message.method === 'notifications/initialized') resolve();
      return;
    }
    const { notifications } = (message.params ?? {}) as {
      notifications?: { resourceSubscriptions?: unknown };
    };
    const uris = notifications?.resourceSubscriptions;
    const runs = Array.isArray(uris) ? uris.filter((uri) => typeof uri === 'string') : [];
    Promise.allSettled(runs.map((uri) => session.subscribe(uri)))
      .then((outcomes) => {
        for (const outcome of outcomes) if (outcome.status === 'rejected') onError(outcome.reason);
        const isAccepted = (_: string, at: number) => outcomes[at]?.status === 'fulfilled';
        if (notifications && Array.isArray(uris)) {
          notifications.resourceSubscriptions = runs.filter(isAccepted);
        }
        onMessage?.(message);
        resolve();
      })
      .catch(onError);
  };
  return promise;
}
