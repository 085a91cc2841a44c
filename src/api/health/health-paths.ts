import { z } from 'zod';
import { type EndpointPath, PROBLEM } from '../http/openapi.ts';

/** The paths that report the state of the server, for monitoring. */

const tag = 'server';
const checks = z
  .array(
    z.object({
      name: z.string(),
      ok: z.boolean(),
      reason: z
        .string()
        .optional()
        .describe('The reasons why the server is not ready or is degraded'),
    }),
  )
  .describe('The checks that ran');

export const healthPath = {
  method: 'GET',
  path: '/healthz',
  id: 'getHealth',
  tag,
  summary: 'Check whether the process is alive',
  login: 'nobody',
  answers: {
    200: { description: 'The process is alive', schema: z.object({ status: z.literal('ok') }) },
  },
} as const satisfies EndpointPath;

export const readinessPath = {
  method: 'GET',
  path: '/readyz',
  id: 'getReadiness',
  tag,
  summary: 'Check whether the server can answer requests',
  description: 'Workers are not checked: without a worker, runs wait and everything else works.',
  login: 'nobody',
  answers: {
    200: {
      description: 'The server can answer requests',
      schema: z.object({ status: z.literal('ready'), checks }),
    },
    503: {
      description: 'The server cannot answer requests',
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
  summary: 'Get the metrics of the server for Prometheus',
  description:
    'The metrics belong to no tenant and require HOWDAH_METRICS_TOKEN, not the login of a tenant. See docs/reference/metrics.md for the list.',
  login: 'metrics',
  answers: {
    200: {
      description: 'Metrics in the text format of Prometheus',
      schema: z.string(),
      type: 'text/plain',
    },
  },
} as const satisfies EndpointPath;

export const healthPaths: readonly EndpointPath[] = [healthPath, readinessPath, metricsPath];
