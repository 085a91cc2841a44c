import { z } from 'zod';
import { exportRun as exportedRun, queriesWithin } from '../../db/queries/queries.ts';
import { byId, flag } from '../../resources/fields.ts';
import { operation } from '../operation.ts';

/** Exports a run as one document. */
export const exportRun = operation({
  method: 'GET',
  path: '/api/executions/{id}/export',
  id: 'exportExecution',
  tag: 'executions',
  summary: 'Export a run with everything that a replay needs',
  description: 'The same run always gives the same bytes. See docs/replay.md.',
  params: byId,
  query: z.strictObject({
    redact: flag.optional().describe('true replaces text, arguments and results with [redacted]'),
    pretty: flag.optional().describe('true formats the document for people'),
  }),
  answers: { 200: { description: 'The document', type: 'application/json' } },
  async work(db, { params, query: { redact = false, pretty: isForPeople = false } }) {
    const body = await exportedRun(queriesWithin(db), params.id, { redact, isForPeople });
    return { body, type: 'application/json; charset=utf-8' };
  },
});
