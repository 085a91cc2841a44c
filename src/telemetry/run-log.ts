import type { Logger } from 'pino';
import type { ObserveRun } from '../contracts/runs/run-observer.ts';

/**
 * Logs how runs end. Failures are warnings. Completions are logged at level debug, and
 * every step at trace.
 */
export function logRuns(log: Logger): ObserveRun | undefined {
  if (!log.isLevelEnabled('warn')) return undefined;
  return ({ context, definition }) => {
    const { execution_id, root_execution_id, tenant_id } = context;
    const about = {
      execution_id,
      tenant_id,
      ...(root_execution_id === execution_id ? {} : { root_execution_id }),
      agent: definition.agent.name,
    };
    return {
      onCommit({ steps, to }) {
        if (log.isLevelEnabled('trace')) {
          for (const { kind, name } of steps) log.trace({ ...about, kind, name }, 'a step');
        }
        if (to?.status === 'completed') log.debug(about, 'a run has completed');
        if (to?.status === 'failed') {
          log.warn({ ...about, stop_reason: to.stop_reason, error: to.error }, 'a run has failed');
        }
      },
    };
  };
}
