import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { checkRuns, liveWorkers, nextRuns, queueStates } from '../../db/operations/tenant-queue.ts';
import { id, time } from '../../resources/fields.ts';
import { operation } from '../operation.ts';

const count = z.number();

const state = z
  .object({
    status: z.enum(['queued', 'running', 'waiting', 'paused']),
    waiting_for: z.enum(enumLabels.waiting_reason).nullable(),
    runs: count,
    due_runs: count.describe('Runs that could begin now'),
    oldest_due_at: time.nullable().describe('Time since which the first of these is due'),
    oldest_due_id: id.nullable(),
    next_due_at: time.nullable().describe('Time at which the next run is due'),
  })
  .meta({ id: 'QueueState' });

const nextRun = z
  .object({
    execution_id: id,
    status: z.enum(['queued', 'waiting']),
    agent: z.string().nullable(),
    workflow: z.string().nullable(),
    priority: z.number(),
    created_at: time,
    due_at: time,
  })
  .meta({ id: 'NextRun' });

const worker = z
  .object({
    started_at: time,
    heartbeat_at: time,
    is_dedicated: z.boolean().describe('Whether it takes runs of chosen tenants only'),
    running_runs: count.describe('Runs of this tenant'),
  })
  .meta({ id: 'LiveWorker' });

/** Shows the live runs of the tenant by status, those that are due next, and the workers. */
export const showQueue = operation({
  method: 'GET',
  path: '/api/queue',
  id: 'showQueue',
  tag: 'queue',
  summary: 'Show the live runs of the tenant by status, the next ones, and the workers',
  description:
    'Counts the oldest 10,000 live runs. Workers are those that take runs of the tenant and have reported within ten seconds.',
  query: z.strictObject({
    next: z.coerce.number().int().min(0).max(1000).default(20).describe('Most runs in next'),
  }),
  answers: {
    200: {
      description: 'The queue',
      schema: z.object({
        states: z.array(state),
        next: z.array(nextRun),
        workers: z.array(worker),
      }),
    },
  },
  work: async (db, { query }) => ({
    body: {
      states: await queueStates(db),
      next: await nextRuns(db, query.next),
      workers: await liveWorkers(db),
    },
  }),
});

/** Checks the promises of the engine for the runs of the tenant. */
export const listViolations = operation({
  method: 'GET',
  path: '/api/violations',
  id: 'listViolations',
  tag: 'queue',
  summary: 'List broken promises of the engine; empty unless it has a bug',
  description:
    'Checks runs of the tenant that are live or ended within the last hour, and reads their logs. For admins and owners.',
  answers: {
    200: {
      description: 'The violations, at most 1,000',
      schema: z.object({
        data: z.array(
          z
            .object({ rule: z.string(), execution_id: id.nullable(), detail: z.string() })
            .meta({ id: 'Violation' }),
        ),
      }),
    },
  },
  work: async (db) => ({ body: { data: await checkRuns(db) } }),
});
