import { z } from 'zod';
import { EXECUTION_STATUSES } from '../../contracts/runs/step.ts';
import { liveRuns } from '../../db/queries/live-runs.ts';
import { id, numberText } from '../../resources/fields.ts';
import { operation } from '../operation.ts';

const status = z.enum(EXECUTION_STATUSES);
const waitingFor = z.string().nullable();

/** Shows the live runs, and how long they have been waiting. */
export const listLiveRuns = operation({
  method: 'GET',
  path: '/api/executions/live',
  id: 'listLiveExecutions',
  tag: 'executions',
  summary: 'Show the number of live runs of each status, and the runs that have lived longest',
  isReplicable: true,
  query: z.strictObject({
    limit: numberText(
      z.int('must be a whole number from 1 to 1000').min(1).max(1000).default(20),
    ).describe('The number of runs'),
  }),
  answers: {
    200: {
      description: 'The live runs',
      schema: z.object({
        queue: z.array(
          z.object({
            ...{ status, waiting_for: waitingFor },
            runs: z.int(),
            oldest_due_seconds: z.int().describe('The seconds since the oldest run was due'),
          }),
        ),
        runs: z.array(
          z.object({
            ...{ id, agent: z.string().nullable(), status, waiting_for: waitingFor },
            steps: z.int(),
            tokens: z.number().describe('Includes child runs, as does cost'),
            ...{ cost: z.number(), seconds: z.int() },
          }),
        ),
      }),
    },
  },
  work: async (db, { query: { limit } }) => ({ body: await liveRuns(db, limit) }),
});
