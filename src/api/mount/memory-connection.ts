import type { Server } from 'node:http';
import { type Duplex, duplexPair } from 'node:stream';

/**
 * Opens a connection to a server of this process that needs no port. Returns the end of the client.
 * Both ends are plain streams, so Node's own HTTP code gives back-pressure, limits and the abort of
 * a client.
 */
export function openMemoryConnection(server: Server, remoteAddress: string | undefined): Duplex {
  const [client, accepted] = duplexPair();
  client.once('close', () => accepted.destroy());
  accepted.once('close', () => client.destroy());
  server.emit('connection', Object.assign(accepted, { remoteAddress }));
  return client;
}
