import './environment.ts';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { postgraphile } from 'postgraphile';
import { grafserv } from 'postgraphile/grafserv/node';
import { type ServingOptions, servingPreset } from './preset.ts';
import { createSockets, type Sockets } from './sockets.ts';

export type GraphqlServer = {
  /** Whether GraphQL, GraphiQL or its files are at this path. */
  serves(path: string): boolean;
  handle(request: IncomingMessage, response: ServerResponse): void;
  upgrade: Sockets['upgrade'];
  /** Ends all subscriptions: before the HTTP server closes, which waits for them. */
  closeSockets(): Promise<void>;
  /** After the last request was answered. */
  close(): Promise<void>;
};

/** Builds the schema and what serves it: `/graphql` over HTTP and WebSocket, GraphiQL at `/graphiql`. */
export async function createGraphqlServer(options: ServingOptions): Promise<GraphqlServer> {
  const instance = postgraphile(servingPreset(options));
  const serv = instance.createServ(grafserv);
  await instance.getSchema();
  await serv.ready();
  const requests = createServer(); // never listens: grafserv knows no other way to be given requests
  await serv.addTo(requests, false);
  const sockets = createSockets(serv);
  return {
    serves: (path) =>
      path === '/graphql' || path === '/graphiql' || path.startsWith('/ruru-static/'),
    handle: (request, response) => requests.emit('request', request, response),
    upgrade: sockets.upgrade,
    closeSockets: sockets.close,
    async close() {
      await instance.release();
    },
  };
}
