import './environment.ts';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { postgraphile } from 'postgraphile';
import { grafserv } from 'postgraphile/grafserv/node';
import type { Bounds } from '../bounds.ts';
import type { Exists } from '../login/existence.ts';
import type { Login } from '../login/login.ts';
import { pathOf } from '../path.ts';
import { sendQuotaRefusal, sendRefusal } from '../problem.ts';
import type { CountRequest } from '../request-quotas.ts';
import { type ServingOptions, servingPreset } from './preset.ts';
import { createSockets, type Sockets } from './sockets.ts';

export type GraphqlOptions = ServingOptions & {
  login: Login;
  exists: Exists;
  countRequest: CountRequest;
  bounds: Bounds;
};

export type GraphqlServer = {
  /** Whether GraphQL, GraphiQL or its files are at this path. */
  serves(path: string): boolean;
  /** Who may not ask is answered 401, and 429 who asked too often. GraphiQL and its files are for everybody. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  upgrade: Sockets['upgrade'];
  /** Ends all subscriptions: before the HTTP server closes, which waits for them. */
  closeSockets(): Promise<void>;
  /** After the last request was answered. */
  close(): Promise<void>;
};

/** Builds the schema and what serves it: `/graphql` over HTTP and WebSocket, GraphiQL at `/graphiql`. */
export async function createGraphqlServer(options: GraphqlOptions): Promise<GraphqlServer> {
  const { login, countRequest, identities } = options;
  const instance = postgraphile(servingPreset(options));
  const serv = instance.createServ(grafserv);
  await instance.getSchema();
  await serv.ready();
  const requests = createServer(); // never listens: grafserv knows no other way to be given requests
  await serv.addTo(requests, false);
  const sockets = createSockets(serv, options);
  return {
    serves: (path) =>
      path === '/graphql' || path === '/graphiql' || path.startsWith('/ruru-static/'),
    async handle(request, response) {
      if (pathOf(request.url) === '/graphql') {
        const verdict = await login(request.headers.authorization);
        if (!verdict.ok) return sendRefusal(response, verdict.refusal);
        const refusal = await countRequest(verdict.value);
        if (refusal) return sendQuotaRefusal(response, refusal);
        identities.set(request, verdict.value);
      }
      requests.emit('request', request, response);
    },
    upgrade: sockets.upgrade,
    closeSockets: sockets.close,
    async close() {
      await instance.release();
    },
  };
}
