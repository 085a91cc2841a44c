import type { Server } from 'node:http';
import { type Duplex, duplexPair } from 'node:stream';
import type { MountedClient } from '../http/loopback-guard.ts';

/**
 * Opens a connection to a server in this process, without a port. Returns the client's end. Both
 * ends are plain streams, so Node's HTTP code applies back-pressure and limits, and notices when
 * the client disconnects.
 */
export function openMemoryConnection(server: Server, sender: MountedClient): Duplex {
  const [client, accepted] = duplexPair();
  client.once('close', () => accepted.destroy());
  accepted.once('close', () => client.destroy());
  server.emit('connection', Object.assign(accepted, sender));
  return client;
}
