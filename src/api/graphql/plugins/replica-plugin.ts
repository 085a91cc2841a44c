import '../environment.ts';
import type { IncomingHttpHeaders } from 'node:http';
import 'postgraphile/grafserv';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import { makePgAdaptorWithPgClient } from 'postgraphile/@dataplan/pg/adaptors/pg';
import type { HowdahError } from '../../../contracts/errors.ts';
import type { Pool } from '../../../db/connection/pool.ts';
import { ReadBudget } from '../../../db/sql-tools/read-budget.ts';
import type { Identities } from '../../login/identities.ts';
import { type Chosen, type ReplicaRouter, readPosition } from '../../replica/read-your-writes.ts';
import { refusal } from '../request.ts';
import { changeExecution, identityOf, operationType } from './change-execution.ts';
import { MAX_READ, signalOf } from './connections-plugin.ts';

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
        setPreset: changeExecution(async (configure, context) => {
          const config = await configure();
          const { node } = context;
          const identity = identityOf(context, identities);
          if (!identity) return config;
          const position = positionIn(node?.req.headers);
          return {
            ...config,
            execute: (async (args) => {
              if (operationType(args) !== 'query') {
                const result = await config.execute(args);
                await reads.recordWrite(identity, node?.res);
                return result;
              }
              const chosen = await reads.choose(identity, position);
              const budget = new ReadBudget(MAX_READ);
              const replica = reads.connections.as(identity, signalOf(context), budget) as Pool;
              const withReplica = makePgAdaptorWithPgClient(replica);
              if (chosen.isReplica) useReplica(args.contextValue as Context, withReplica, chosen);
              return config.execute(args);
            }) as typeof config.execute,
          };
        }),
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
function useReplica(
  context: Context,
  withReplica: WithPgClient,
  { rethrowUnlessPrimaryCanAnswer }: Chosen,
): void {
  const { withPgClient } = context;
  context.withPgClient = (async (settings, callback) => {
    try {
      return await withReplica(settings, callback);
    } catch (error) {
      rethrowUnlessPrimaryCanAnswer(error);
      return withPgClient(settings, callback);
    }
  }) as WithPgClient;
}
