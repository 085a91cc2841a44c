import { z } from 'zod';
import { pauseBatchJob, tenantBatchJobs } from '../../db/operations/tenant-queue.ts';
import { time } from '../../resources/fields.ts';
import { operation } from '../operation.ts';

const count = z.number().nullable();

const batchJob = z
  .object({
    name: z.string(),
    description: z.string(),
    is_paused: z.boolean(),
    can_pause: z.boolean().describe('Whether the caller may pause and resume it'),
    waiting: count.describe('Rows of the tenant that are due; null if rows have no tenant'),
    later: count,
    failing: count.describe('Rows whose last attempt failed'),
    oldest_due_at: time.nullable(),
    last_error: z.string().nullable(),
  })
  .meta({ id: 'BatchJob' });

/** Lists what workers do in batches, with the rows of the tenant. */
export const listBatchJobs = operation({
  method: 'GET',
  path: '/api/batch-jobs',
  id: 'listBatchJobs',
  tag: 'batch-jobs',
  summary: 'List the batch jobs of the workers, with the rows of the tenant',
  answers: {
    200: { description: 'The batch jobs', schema: z.object({ data: z.array(batchJob) }) },
  },
  work: async (db) => ({ body: { data: await tenantBatchJobs(db) } }),
});

const ofName = {
  method: 'POST',
  tag: 'batch-jobs',
  params: z.strictObject({ name: z.string().describe('The job, such as encrypt_run') }),
} as const;
const description =
  'For owners of the database, and for requests without login to a server that only its own machine can reach.';

/** Pauses a batch job. */
export const pauseBatchJobs = operation({
  ...ofName,
  path: '/api/batch-jobs/{name}/pause',
  id: 'pauseBatchJob',
  summary: 'Pause a batch job of all tenants',
  description,
  answers: { 204: { description: 'Workers take no more batches of it' } },
  async work(db, { params }) {
    await pauseBatchJob(db, params.name, true);
    return { status: 204, body: undefined };
  },
});

/** Resumes a batch job. */
export const resumeBatchJobs = operation({
  ...ofName,
  path: '/api/batch-jobs/{name}/resume',
  id: 'resumeBatchJob',
  summary: 'Resume a batch job that was paused',
  description,
  answers: { 204: { description: 'Workers take its batches again' } },
  async work(db, { params }) {
    await pauseBatchJob(db, params.name, false);
    return { status: 204, body: undefined };
  },
});
