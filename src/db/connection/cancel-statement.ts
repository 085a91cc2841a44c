import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

/**
 * The longest wait for the server to close the connection of a cancel request, which it does once
 * it has handled the request.
 */
const ANSWER_MS = 2_000;

/**
 * The pause between two cancel requests. A request that arrives between two statements has no
 * effect.
 */
const AGAIN_MS = 100;
/** The time a cancelled statement has to end before its connection is closed. */
const GIVE_UP_MS = 5_000;

/** Properties of a node-pg client that its types omit. */
type ClientInternals = {
  host: string;
  port: number;
  ssl: boolean | object;
  processID: number | null;
  secretKey: number | null;
};

/** Methods of a node-pg connection that its types omit. */
type ConnectionInternals = {
  stream: { destroy(): void };
  on(event: 'connect' | 'sslconnect' | 'end' | 'error', listener: () => void): ConnectionInternals;
  connect(port: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: number): void;
};

/** Returns the process of the backend of a connection. */
export function processIdOf(client: pg.PoolClient): number {
  return (client as unknown as ClientInternals).processID ?? 0;
}

/**
 * Asks the server, or the pooler in front of it, to cancel the statement under way on this
 * connection. Resolves when the request was handled or could not be delivered. Between two
 * statements it has no effect. A late request may end the next statement of the same connection, so
 * never return the connection to a pool afterwards.
 */
export async function cancelStatement(client: pg.PoolClient): Promise<void> {
  const { host, port, ssl, processID, secretKey } = client as unknown as ClientInternals;
  if (processID === null || secretKey === null) return;
  const Connection = (pg as unknown as { Connection: new (options: object) => ConnectionInternals })
    .Connection;
  const wire = new Connection({ ssl });
  const { promise, resolve } = Promise.withResolvers<void>();
  const send = () => wire.cancel(processID, secretKey);
  wire.on('connect', () => (ssl ? wire.requestSsl() : send()));
  wire.on('sslconnect', send).on('end', resolve).on('error', resolve);
  const timeout = setTimeout(resolve, ANSWER_MS);
  if (host.startsWith('/')) wire.connect(`${host}/.s.PGSQL.${port}`);
  else wire.connect(port, host);
  await promise;
  clearTimeout(timeout);
  wire.stream.destroy();
}

/**
 * Closes the socket of the connection without a message to the server. The statements of the
 * connection fail with `reason`.
 */
export function breakConnection(client: pg.Client | pg.PoolClient, reason?: Error): void {
  const { connection } = client as unknown as {
    connection: { stream: { destroy(reason?: Error): void } };
  };
  connection.stream.destroy(reason);
}

/**
 * Ends the statement of a connection whose answer did not come in time: cancels it at the server,
 * then closes the socket. Without this, the statement could still be at work when it is sent again.
 */
export async function giveUpStatement(client: pg.PoolClient): Promise<void> {
  await cancelStatement(client);
  breakConnection(client);
}

/**
 * Cancels the statement of this connection at the server when the signal fires. Once the client has
 * the error, no part of the statement is still running at the server. Call the returned function
 * when the work is over. If the signal has fired by then, the connection is closed.
 */
export function cancelOnAbort(client: pg.PoolClient, signal: AbortSignal): () => void {
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
    if (signal.aborted) breakConnection(client); // a late request must not end another statement
  };
}
