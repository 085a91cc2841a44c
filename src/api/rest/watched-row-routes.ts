import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { answerPage } from '../../operations/pagination.ts';
import { statusSchema } from '../../operations/runs/run-rows.ts';
import { anyCase, id, page, pageOf } from '../../resources/fields.ts';
import { openList } from '../lists/list-events.ts';
import {
  callersWatchedRows,
  currentRows,
  watchedRow,
  watchedRowConditions,
  watchedRows,
} from '../lists/watched-rows.ts';
import { listCursor } from './framework/cursors.ts';
import { listEventsText, listStart } from './framework/list-stream.ts';
import { type Route, route } from './framework/route.ts';

const filters = {
  table: z.string().optional().describe('The name of a watched table, such as shop.tickets'),
  row: z
    .string()
    .optional()
    .describe('A JSON object that the primary key must contain, such as {"id": 4711}'),
  execution_id: id.optional(),
  status: statusSchema.optional(),
  write_back: anyCase(enumLabels.write_back_status).optional(),
};

export const watchedRowRoutes: Route[] = [
  route({
    method: 'GET',
    path: '/api/watched-rows',
    id: 'listWatchedRows',
    tag: 'watched-rows',
    summary: 'List the rows of watched tables with their runs, newest first',
    isReplicable: true,
    query: z.strictObject({ ...page, ...filters }),
    answers: { 200: { description: 'A page of watched rows', schema: pageOf(watchedRow) } },
    async work(db, { query: { limit, cursor, ...filter }, url }) {
      return answerPage(
        db,
        callersWatchedRows,
        await watchedRowConditions(db, filter),
        { limit, cursor },
        url,
      );
    },
  }),
  route({
    method: 'GET',
    path: '/api/watched-rows/stream',
    id: 'streamWatchedRows',
    tag: 'watched-rows',
    summary: 'Stream the rows of watched tables as Server-Sent Events',
    description: `A row changes when its run changes its status, and when the answer is written. ${listEventsText('watched_row')}`,
    query: z.strictObject({ ...filters, ...listStart }),
    answers: { 200: { description: 'Events', type: 'text/event-stream' } },
    async serve({ query: { first, after, ...filter }, headers }, context) {
      const cursor = listCursor({ headers, query: { after } });
      const opened = await context.transaction(async (db) => {
        const where = await watchedRowConditions(db, filter);
        return openList(db, { list: watchedRows, where, after: cursor, first });
      });
      return { events: context.listEvents(opened, currentRows) };
    },
  }),
];
