import type { LimitMetric, LimitPeriod, LimitScope } from '../schema.generated.ts';

/** The things that a limit may count. Which combinations exist is in docs/limits.md. */
export const limitMetrics = [
  'requests',
  'runs',
  'tokens',
  'cost',
  'storage',
  'running_runs',
  'running_calls',
  'calls',
] as const satisfies LimitMetric[];

/** The kinds of subjects that a limit may be about. */
export const limitScopes = [
  'tenant',
  'user',
  'agent',
  'session',
  'api_key',
  'model',
  'tool',
  'key',
  'system',
] as const satisfies LimitScope[];

/** The periods that usage is counted in. */
export const limitPeriods = ['minute', 'hour', 'day', 'month'] as const satisfies LimitPeriod[];
