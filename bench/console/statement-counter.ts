import { createServer, connect as openSocket, type Socket } from 'node:net';

/** A proxy in front of PostgreSQL that counts the statements that pass. */
export type StatementCounter = {
  /** The URL of the database through the proxy. */
  url: string;
  count(): number;
  close(): void;
};

/** Messages of a client that execute a statement: a simple query, and a prepared one. */
const EXECUTING = new Set(['Q'.charCodeAt(0), 'E'.charCodeAt(0)]);

/** Starts the proxy on a free port. The connections are not encrypted. */
export async function countStatements(databaseUrl: string): Promise<StatementCounter> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let statements = 0;
  const server = createServer((client) => {
    const database = openSocket(Number(target.port || 5432), target.hostname);
    const read = createMessageReader((type) => {
      if (EXECUTING.has(type)) statements += 1;
    });
    client.on('data', read);
    client.pipe(database).pipe(client);
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        database.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  return {
    url: url.href,
    count: () => statements,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/**
 * Returns a function that takes the bytes of a client, and calls `onMessage` with the type of each
 * message. A message is a type, a length that includes itself, and a body; the first one of a
 * connection has no type.
 */
function createMessageReader(onMessage: (type: number) => void): (chunk: Buffer) => void {
  let pending = Buffer.alloc(0);
  let isFirst = true;
  let skipped = 0;
  return (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    for (;;) {
      const ignored = Math.min(skipped, pending.length);
      skipped -= ignored;
      pending = pending.subarray(ignored);
      const head = isFirst ? 4 : 5;
      if (pending.length < head) return;
      if (!isFirst) onMessage(pending[0] ?? 0);
      skipped = pending.readUInt32BE(head - 4) + head - 4;
      isFirst = false;
    }
  };
}
