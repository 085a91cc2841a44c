import { z } from 'zod';
import { openList } from '../../lists/list-events.ts';
import { agentId, runConditions, runs } from '../../lists/list-filters.ts';
import { listCursor } from '../framework/cursors.ts';
import { listEventsText, listStart } from '../framework/list-stream.ts';
import { route } from '../framework/route.ts';
import { runFilters } from './run-filters.ts';

/** Follows a list of runs. */
export const runListStream = route({
  method: 'GET',
  path: '/api/executions/stream',
  id: 'streamExecutions',
  tag: 'executions',
  summary: 'Stream a list of runs as Server-Sent Events',
  description: listEventsText('execution'),
  query: z.strictObject({
    ...runFilters,
    ...listStart,
    agent: z.string().optional().describe('The name of the agent, in place of agent_id'),
  }),
  answers: { 200: { description: 'Events', type: 'text/event-stream' } },
  async serve({ query, headers, identity }, context) {
    const { first, agent, is_mine, ...filter } = query;
    const user_id = is_mine ? identity.userId : undefined;
    const after = listCursor({ headers, query });
    const opened = await context.transaction(async (db) => {
      const agent_id = agent === undefined ? filter.agent_id : await agentId(db, agent);
      const where = runConditions({ ...filter, agent_id, user_id });
      return openList(db, { list: runs, where, after, first });
    });
    return { events: context.listEvents(opened) };
  },
});
