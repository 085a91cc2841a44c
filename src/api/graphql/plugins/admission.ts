import '../environment.ts';
import type { ServerResponse } from 'node:http';
import 'postgraphile/grafserv';
import { SafeError } from 'postgraphile/grafast';
import type { HowdahError } from '../../../contracts/errors.ts';
import { type Admission, type Place, RETRY_AFTER } from '../../admission.ts';

/**
 * A request over HTTP waits for its turn when its body has arrived, and makes room when its result is there: neither
 * a slow sender nor a slow reader holds a place. Beyond the bound it is answered 503 with Retry-After.
 */
export function createAdmissionPlugin(admission: Admission): GraphileConfig.Plugin {
  return {
    name: 'HowdahAdmissionPlugin',
    version: '1.0.0',
    grafserv: {
      middleware: {
        setPreset(next, event) {
          const configure = event.getExecutionConfig;
          event.getExecutionConfig = async function getExecutionConfig(context) {
            if (!context.node) return configure.call(this, context);
            const { leave } = await admitted(admission, context.node.res);
            const config = await configure.call(this, context);
            const { execute } = config;
            return {
              ...config,
              execute: (async (args) => {
                try {
                  return await execute(args);
                } finally {
                  leave();
                }
              }) as typeof execute,
            };
          };
          return next();
        },
      },
    },
  };
}

/** An operation that is never executed leaves when it is answered. */
async function admitted(admission: Admission, response: ServerResponse): Promise<Place> {
  try {
    const place = admission.enter();
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
