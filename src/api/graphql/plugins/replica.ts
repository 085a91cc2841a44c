import '../environment.ts';
import type { IncomingHttpHeaders } from 'node:http';
import 'postgraphile/grafserv';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import { makePgAdaptorWithPgClient } from 'postgraphile/@dataplan/pg/adaptors/pg';
import { getOperationAST } from 'postgraphile/graphql';
import type { HowdahError } from '../../../contracts/errors.ts';
import type { Pool } from '../../../db/connection/pool.ts';
import { ReadBudget } from '../../../db/sql-tools/read-budget.ts';
import { type Chosen, type ReplicaRouter, readPosition } from '../../limits/read-your-writes.ts';
import type { Identities } from '../../login/identities.ts';
import { refusal } from '../request.ts';
import { MOST_READ, signalOf } from './connections.ts';

type Context = { withPgClient: WithPgClient };

/**
 * Runs queries on the replica when it shows everything that the reader knows of. Mutations and
 * subscriptions run on the primary. The answer to a mutation says up to which position it wrote.
 */
export function createReplicaPlugin(
  reads: ReplicaRouter,
  identities: Identities,
): GraphileConfig.Plugin {
  return {
    name: 'HowdahReplicaPlugin',
    version: '1.0.0',
    grafserv: {
      middleware: {
        setPreset(next, event) {
          const configure = event.getExecutionConfig;
          event.getExecutionConfig = async function getExecutionConfig(context) {
            const config = await configure.call(this, context);
            const { execute } = config;
            const { node, ws } = context;
            const identity = identities.get(node?.req ?? ws?.socket ?? context);
            if (!identity) return config;
            const position = positionIn(node?.req.headers);
            return {
              ...config,
              execute: (async (args) => {
                const operation = getOperationAST(args.document, args.operationName)?.operation;
                if (operation === 'query') {
                  const chosen = await reads.choose(identity, position);
                  const signal = signalOf(context);
                  const budget = new ReadBudget(MOST_READ);
                  const replica = reads.connections.as(identity, signal, budget) as Pool;
                  const withReplica = makePgAdaptorWithPgClient(replica);
                  if (chosen.isReplica) replace(args.contextValue as Context, withReplica, chosen);
                  return execute(args);
                }
                const result = await execute(args);
                await reads.wrote(identity, node?.res);
                return result;
              }) as typeof execute,
            };
          };
          return next();
        },
      },
    },
  };
}

function positionIn(headers: IncomingHttpHeaders = {}): bigint {
  try {
    return readPosition(headers);
  } catch (error) {
    const { message, detail, hint } = error as HowdahError;
    throw refusal(message, detail ?? null, hint);
  }
}

/**
 * Makes statements run on the replica. A statement that fails there is repeated on the primary,
 * each statement by itself.
 */
function replace(context: Context, withReplica: WithPgClient, { forgive }: Chosen): void {
  const { withPgClient } = context;
  context.withPgClient = (async (settings, callback) => {
    try {
      return await withReplica(settings, callback);
    } catch (error) {
      forgive(error);
      return withPgClient(settings, callback);
    }
  }) as WithPgClient;
}
