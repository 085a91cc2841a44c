import '../environment.ts';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import { makePgAdaptorWithPgClient } from 'postgraphile/@dataplan/pg/adaptors/pg';
import 'postgraphile/grafserv';
import type { Pool } from '../../../db/connection/pool.ts';
import { type ReadBounds, ReadBudget } from '../../../db/sql-tools/read-budget.ts';
import { clientLeft, leftSignal } from '../../limits/connection-draining.ts';
import type { Connections } from '../../limits/connections.ts';
import type { Identities } from '../../login/identities.ts';
import {
  changeExecution,
  identityOf,
  operationType,
  type RequestContext,
} from './change-execution.ts';

type Context = { withPgClient: WithPgClient };
type Socket = { once(event: 'close', listener: () => void): unknown };

/**
 * Limits what the statements of an operation may read together. In a subscription, each event has
 * a limit of its own. The event loop parses all rows and writes them as JSON, which takes about 0.1
 * seconds for 10 MB. The limit is larger than the largest value of a column.
 */
export const MAX_READ: ReadBounds = { bytes: 10_000_000, values: 250_000, cells: 250_000 };

const budgets = new WeakMap<WithPgClient, ReadBudget>();

/** Returns the budget of the operation that a function to borrow connections belongs to. */
export function budgetOf(withPgClient: WithPgClient): ReadBudget | undefined {
  return budgets.get(withPgClient);
}

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
        setPreset: changeExecution(async (configure, context) => {
          const config = await configure();
          const identity = identityOf(context, identities);
          if (!identity) return config;
          const connect = (contextValue: unknown, signal?: AbortSignal) => {
            const budget = new ReadBudget(MAX_READ);
            const pool = connections.as(identity, signal, budget) as Pool; // for `connect`
            const withPgClient = makePgAdaptorWithPgClient(pool);
            budgets.set(withPgClient, budget);
            (contextValue as Context).withPgClient = withPgClient;
            return budget;
          };
          return {
            ...config,
            execute: (async (args) => {
              const isQuery = operationType(args) === 'query';
              connect(args.contextValue, isQuery ? signalOf(context) : undefined);
              return config.execute(args);
            }) as typeof config.execute,
            subscribe: (async (args) => {
              const budget = connect(args.contextValue);
              const results = await config.subscribe(args);
              return Symbol.asyncIterator in results ? resetForEach(results, budget) : results;
            }) as typeof config.subscribe,
          };
        }),
      },
    },
  };
}

/** Gives each result the whole budget. */
function resetForEach<T>(
  results: AsyncGenerator<T, void, void>,
  budget: ReadBudget,
): AsyncGenerator<T, void, void> {
  const { next } = results;
  results.next = () => {
    budget.reset();
    return next.call(results);
  };
  return results;
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
