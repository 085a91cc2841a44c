import { z } from 'zod';
import { type EndpointPath, PROBLEM } from '../http/openapi.ts';

/** The paths that report the state of the server, for monitoring. */

const tag = 'server';
const checks = z
  .array(
    z.object({
      name: z.string(),
      ok: z.boolean(),
      reason: z.string().optional().describe('Why it is not, or not what it might be'),
    }),
  )
  .describe('What was looked at');

export const healthPath = {
  method: 'GET',
  path: '/healthz',
  id: 'getHealth',
  tag,
  summary: 'Whether the process is alive',
  login: 'nobody',
  answers: { 200: { description: 'It is', schema: z.object({ status: z.literal('ok') }) } },
} as const satisfies EndpointPath;

export const readinessPath = {
  method: 'GET',
  path: '/readyz',
  id: 'getReadiness',
  tag,
  summary: 'Whether requests will work, and if not, why',
  description:
    'Without a worker runs wait and everything else works, so workers are not asked for.',
  login: 'nobody',
  answers: {
    200: {
      description: 'They will',
      schema: z.object({ status: z.literal('ready'), checks }),
    },
    503: {
      description: 'They will not',
      schema: PROBLEM.extend({ checks }),
      type: 'application/problem+json',
    },
  },
} as const satisfies EndpointPath;

export const metricsPath = {
  method: 'GET',
  path: '/metrics',
  id: 'getMetrics',
  tag,
  summary: 'Figures of the whole server for Prometheus',
  description:
    'They are of no tenant, so no login of a tenant reads them: the token of the environment does. docs/observability.md names them.',
  login: 'metrics',
  answers: {
    200: { description: 'As Prometheus reads them', schema: z.string(), type: 'text/plain' },
  },
} as const satisfies EndpointPath;

export const healthPaths: readonly EndpointPath[] = [healthPath, readinessPath, metricsPath];
