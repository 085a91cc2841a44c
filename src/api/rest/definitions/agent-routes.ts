import { z } from 'zod';
import { jsonRow, jsonRows } from '../../../db/queries/json-rows.ts';
import { findRow } from '../../../db/queries/row-collection.ts';
import { shownRow } from '../../../operations/operation.ts';
import { byId, id } from '../../../resources/fields.ts';
import { noSuch } from '../../../resources/request-refusal.ts';
import { resourceRoutes } from '../framework/resource-routes.ts';
import { type Route, route } from '../framework/route.ts';
import { agents } from './agents.ts';
import { performance } from './performance.ts';
import { versionRoutes } from './versions.ts';

const shown = { 200: { description: 'The agent', schema: agents.row } };

/** Routes of agents, including those that other kinds do not have. */
export const agentRoutes: Route[] = [
  route({
    method: 'GET',
    path: '/api/agents/current',
    id: 'getCurrentAgent',
    tag: 'agents',
    summary: 'Get the default agent',
    description:
      'The agent of the session, else the default agent of the user, else that of the tenant, else `development`.',
    query: z.strictObject({ session_id: id.optional() }),
    answers: shown,
    async work(db, { query }) {
      const { rows } = await db.query<{ id: string | null }>(
        'select (howdah.current_agent($1)).id',
        [query.session_id ?? null],
      );
      const current = rows[0]?.id;
      const found = current ? await findRow(db, agents.collection, current) : undefined;
      if (!found) throw noSuch('agent', 'current');
      return shownRow(agents, found);
    },
  }),
  ...resourceRoutes(agents),
  route({
    method: 'POST',
    path: '/api/agents/{id}/set-default',
    id: 'setDefaultAgent',
    tag: 'agents',
    summary: 'Make an agent the default of its user or tenant',
    params: byId,
    answers: shown,
    async work(db, { params }) {
      const found = await findRow(db, agents.collection, params.id);
      if (!found) throw noSuch('agent', params.id);
      await db.query('select (howdah.set_default_agent($1)).id', [found.row.name]);
      const after = await findRow(db, agents.collection, params.id);
      return shownRow(agents, after ?? found);
    },
  }),
  ...versionRoutes(agents),
  route({
    method: 'GET',
    path: '/api/agents/{id}/performance',
    id: 'getAgentPerformance',
    tag: 'agents',
    summary: 'Get statistics of the runs of an agent, by version',
    description: 'The rows of the view `agent_performance`.',
    isReplicable: true,
    params: byId,
    answers: {
      200: {
        description: 'One row for each version that has run, newest first',
        schema: z.object({ agent_id: id, agent: z.string(), data: z.array(performance) }),
      },
    },
    async work(db, { params }) {
      const agent = await jsonRow<{ name: string }>(
        db,
        'select a.name from howdah.agents as a where a.id = $1 and a.deleted_at is null',
        [params.id],
      );
      if (!agent) throw noSuch('agent', params.id);
      const data = await jsonRows(
        db,
        `select p.version, p.runs, p.completed, p.failed, p.success_rate, p.steps_per_run, p.tokens_in,
           p.tokens_out, p.cost, p.seconds_p50, p.seconds_p95
         from howdah.agent_performance as p where p.agent_id = $1 order by p.version desc`,
        [params.id],
      );
      return { body: { agent_id: params.id, agent: agent.name, data } };
    },
  }),
];
