import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { breakConnection, type PoolClient } from './pool.ts';

/** The server closes the connection of a cancel request once it has handled the request; not later than this we close it. */
const ANSWER_MS = 2_000;

/** A cancel request that arrives between two statements has no effect: the next one is sent after so long. */
const AGAIN_MS = 100;
/** A statement that does not end so long after its cancellation loses its connection. */
const GIVE_UP_MS = 5_000;

/** The parts of a client of node-pg that its types leave out. */
type Inner = {
  host: string;
  port: number;
  ssl: boolean | object;
  processID: number | null;
  secretKey: number | null;
};

/** The same of a connection. */
type Wire = {
  stream: { destroy(): void };
  on(event: 'connect' | 'sslconnect' | 'end' | 'error', listener: () => void): Wire;
  connect(port: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: number): void;
};

/**
 * Asks the server, or the pooler in front of it, to cancel the statement under way on this connection. Resolves when the request
 * was handled, or could not be delivered. It does nothing between two statements. A late one may end the next statement of the same
 * connection: never give the connection back to a pool after this.
 */
export async function cancelStatement(client: PoolClient): Promise<void> {
  const { host, port, ssl, processID, secretKey } = client as unknown as Inner;
  if (processID === null || secretKey === null) return;
  const Connection = (pg as unknown as { Connection: new (options: object) => Wire }).Connection;
  const wire = new Connection({ ssl });
  const { promise, resolve } = Promise.withResolvers<void>();
  const send = () => wire.cancel(processID, secretKey);
  wire.on('connect', () => (ssl ? wire.requestSsl() : send()));
  wire.on('sslconnect', send).on('end', resolve).on('error', resolve);
  const late = setTimeout(resolve, ANSWER_MS);
  if (host.startsWith('/')) wire.connect(`${host}/.s.PGSQL.${port}`);
  else wire.connect(port, host);
  await promise;
  clearTimeout(late);
  wire.stream.destroy();
}

/**
 * Cancels what this connection has under way when the signal fires, at the server: there nothing of it works on once its client has
 * the error. Call the result when the work is over; a connection whose signal has fired is closed then.
 */
export function cancelOnAbort(client: PoolClient, signal: AbortSignal): () => void {
  signal.throwIfAborted();
  let isOver = false;
  const cancel = async (): Promise<void> => {
    const giveUpAt = performance.now() + GIVE_UP_MS;
    while (!isOver && performance.now() < giveUpAt) {
      await cancelStatement(client);
      await pause(AGAIN_MS);
    }
    if (!isOver) breakConnection(client);
  };
  const abort = (): void => void cancel();
  signal.addEventListener('abort', abort, { once: true });
  return () => {
    isOver = true;
    signal.removeEventListener('abort', abort);
    if (signal.aborted) breakConnection(client); // a late request must not end a statement of somebody else
  };
}
