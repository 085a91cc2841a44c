import '../environment.ts';
import type { ServerResponse } from 'node:http';
import 'postgraphile/grafserv';
import { SafeError } from 'postgraphile/grafast';
import type { QueuePlace } from '../../../concurrency/fair-queue.ts';
import type { HowdahError } from '../../../contracts/errors.ts';
import type { Subject } from '../../../db/access/subjects.ts';
import { RETRY_AFTER, type RequestQueue } from '../../http/request-queue.ts';
import type { Identities } from '../../login/identities.ts';
import { changeExecution } from './change-execution.ts';

/**
 * Makes an HTTP request wait for its turn once its body has arrived, and frees its place once its
 * result is ready. Neither a slow sender nor a slow reader holds a place. A client that leaves
 * before execution frees its place at once. Later, the place is held until the statements of the
 * request have ended. A request beyond the bound is answered with 503 and Retry-After.
 */
export function createRequestQueuePlugin(
  requestQueue: RequestQueue,
  identities: Identities,
): GraphileConfig.Plugin {
  return {
    name: 'HowdahRequestQueuePlugin',
    version: '1.0.0',
    grafserv: {
      middleware: {
        setPreset: changeExecution(async (configure, { node }) => {
          const caller = node && identities.get(node.req);
          if (!caller) return configure();
          const { res } = node;
          const place = await enter(requestQueue, caller, res);
          const config = await configure();
          return {
            ...config,
            execute: (async (args) => {
              res.off('close', place.leave);
              try {
                return await config.execute(args);
              } finally {
                place.leave();
              }
            }) as typeof config.execute,
          };
        }),
      },
    },
  };
}

/**
 * Waits for the place of a request. An operation that is never executed frees its place when it is
 * answered.
 */
async function enter(
  requestQueue: RequestQueue,
  caller: Subject,
  response: ServerResponse,
): Promise<QueuePlace> {
  try {
    const place = requestQueue.enter(caller);
    response.once('close', place.leave);
    if (response.closed) place.leave();
    await place.turn;
    return place;
  } catch (error) {
    const { message, code, hint } = error as HowdahError;
    if (!response.headersSent) response.setHeader('retry-after', RETRY_AFTER);
    throw new SafeError(message, { statusCode: 503, code, hint });
  }
}
