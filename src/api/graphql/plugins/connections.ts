import '../environment.ts';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import { makePgAdaptorWithPgClient } from 'postgraphile/@dataplan/pg/adaptors/pg';
import { getOperationAST } from 'postgraphile/graphql';
import 'postgraphile/grafserv';
import type { Pool } from '../../../db/pool.ts';
import type { Connections } from '../../connections.ts';
import { clientLeft, leftSignal } from '../../departure.ts';
import type { Identities } from '../../login/identities.ts';

type Context = { withPgClient: WithPgClient };
type Socket = { once(event: 'close', listener: () => void): unknown };
type RequestContext = Partial<Grafast.RequestContext>;

/**
 * Gives operations connections that are shared fairly among tenants. A query whose client has left
 * is cancelled; a mutation completes.
 */
export function createConnectionsPlugin(
  connections: Connections,
  identities: Identities,
): GraphileConfig.Plugin {
  return {
    name: 'HowdahConnectionsPlugin',
    version: '1.0.0',
    grafserv: {
      middleware: {
        setPreset(next, event) {
          const configure = event.getExecutionConfig;
          event.getExecutionConfig = async function getExecutionConfig(context) {
            const config = await configure.call(this, context);
            const { execute, subscribe } = config;
            const identity = identities.get(context.node?.req ?? context.ws?.socket ?? context);
            if (!identity) return config;
            const lend = (contextValue: unknown, signal?: AbortSignal) => {
              const pool = connections.as(identity, signal) as Pool; // only `connect` is called
              (contextValue as Context).withPgClient = makePgAdaptorWithPgClient(pool);
            };
            return {
              ...config,
              execute: (async (args) => {
                const operation = getOperationAST(args.document, args.operationName)?.operation;
                lend(args.contextValue, operation === 'query' ? signalOf(context) : undefined);
                return execute(args);
              }) as typeof execute,
              subscribe: (async (args) => {
                lend(args.contextValue);
                return subscribe(args);
              }) as typeof subscribe,
            };
          };
          return next();
        },
      },
    },
  };
}

/** Returns a signal that fires when the client of a request has left. */
export function signalOf({ node, ws }: RequestContext): AbortSignal | undefined {
  if (node) return leftSignal(node.res);
  return ws?.socket && closeSignal(ws.socket);
}

/** Returns one signal per socket, shared by all of its operations. */
function closeSignal(socket: Socket): AbortSignal {
  const known = closing.get(socket);
  if (known) return known;
  const leaving = new AbortController();
  socket.once('close', () => leaving.abort(clientLeft()));
  closing.set(socket, leaving.signal);
  return leaving.signal;
}
const closing = new WeakMap<Socket, AbortSignal>();
