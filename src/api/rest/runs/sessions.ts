import { z } from 'zod';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import type { Queryable } from '../../../db/connection/pool.ts';
import { type Collection, findRow } from '../../../db/queries/row-collection.ts';
import { HAS_WORDS } from '../../../db/queries/run-search.ts';
import { answerPage } from '../../../operations/pagination.ts';
import { equalTo } from '../../../resources/equal-to.ts';
import { id, object, page, pageOf, time } from '../../../resources/fields.ts';
import { noSuch, RequestRefusal, refuseBoth } from '../../../resources/request-refusal.ts';
import { nameOf } from '../../../resources/subject-names.ts';
import { conditionsOf } from '../../lists/list-filters.ts';
import { type Route, route } from '../framework/route.ts';

const policy = z.enum(enumLabels.session_policy);

/** A session as the API shows it. */
export const session = z
  .object({
    id,
    title: z.string().nullable(),
    agent_id: id.nullable(),
    agent: z.string().nullable(),
    workflow_id: id.nullable(),
    workflow: z.string().nullable(),
    user_id: id.nullable(),
    policy,
    state: object,
    turns: z.int(),
    live_execution_id: id.nullable(),
    forked_from_session_id: id.nullable(),
    forked_from_turn: z.int().nullable(),
    last_activity_at: time,
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'Session' });

const NAMES: Readonly<Record<string, string>> = {
  agent: '(select a.name from howdah.agents as a where a.id = t.agent_id) as agent',
  workflow: '(select w.name from howdah.workflows as w where w.id = t.workflow_id) as workflow',
};

const sessions: Collection = {
  table: 'sessions',
  shown: Object.keys(session.shape)
    .map((name) => NAMES[name] ?? `t.${name}`)
    .join(', '),
  stamp: 't.updated_at',
  isLarge: true,
};

export const bySid = z.strictObject({ sid: id.describe('The id of the session') });
const shared = { tag: 'sessions' as const, params: bySid };
const shown = { 200: { description: 'The session', schema: session } };

/** Returns a session. Throws `HWNTF`. */
export async function findSession(db: Queryable, sid: string) {
  const found = await findRow(db, sessions, sid);
  if (!found) throw noSuch('session', sid);
  return found.row;
}

const who = {
  agent: z.string().optional().describe('The name of an agent'),
  workflow: z.string().optional().describe('The name of a workflow'),
  agent_id: id.optional(),
  workflow_id: id.optional(),
};
type Who = z.output<z.ZodObject<typeof who>>;

/** Returns the name of the agent or workflow that a request means, for the SQL functions. */
async function namesOf(
  db: Queryable,
  { agent, workflow, agent_id, workflow_id }: Who,
  isOneNeeded = false,
) {
  const named = [agent, workflow, agent_id, workflow_id].filter((one) => one !== undefined);
  if (named.length > 1 || (isOneNeeded && named.length === 0)) {
    throw new RequestRefusal(400, 'a session needs exactly one agent or workflow', {
      hint: 'Set exactly one of agent, workflow, agent_id and workflow_id.',
      detail: { field: 'agent' },
    });
  }
  return {
    agent: agent_id === undefined ? agent : await nameOf(db, 'agent', agent_id),
    workflow: workflow_id === undefined ? workflow : await nameOf(db, 'workflow', workflow_id),
  };
}

/** Returns the orchestrator of a system: an agent or a workflow. */
async function orchestratorOf(db: Queryable, systemId: string) {
  const { rows } = await db.query<{ name: string; orchestrator: string | null; is_agent: boolean }>(
    `select s.name, s.orchestrator, exists (
       select from howdah.agents as a
       where a.tenant_id = s.tenant_id and a.name = s.orchestrator and a.deleted_at is null
     ) as is_agent
     from howdah.agent_systems as s where s.id = $1`,
    [systemId],
  );
  const [system] = rows;
  if (!system) throw noSuch('agent system', systemId);
  const { name, orchestrator, is_agent } = system;
  if (orchestrator !== null) return is_agent ? { agent: orchestrator } : { workflow: orchestrator };
  throw new RequestRefusal(400, `agent system ${name} has no orchestrator`, {
    hint: 'Set orchestrator in its file, or pass agent instead.',
    detail: { field: 'agent_system_id' },
  });
}

const createSession = route({
  method: 'POST',
  path: '/sessions',
  id: 'startSession',
  tag: 'sessions',
  summary: 'Create a session',
  description: 'The messages of the session start its runs.',
  isBodyOptional: true,
  isKeyed: true,
  body: z.strictObject({
    ...who,
    agent_system_id: id
      .optional()
      .describe('The name of an agent system; the session is with its orchestrator'),
    title: z.string().optional(),
    policy: policy
      .optional()
      .describe('What a message does while a run is live; see docs/sessions.md'),
    state: object.optional(),
  }),
  answers: { 201: { description: 'The session', schema: session } },
  async work(db, { body }) {
    refuseBoth(body, 'agent_system_id', Object.keys(who));
    const { agent_system_id, title = null, policy = 'queue', state = {}, ...rest } = body;
    const { agent, workflow }: Who =
      agent_system_id === undefined
        ? await namesOf(db, rest)
        : await orchestratorOf(db, agent_system_id);
    const { rows } = await db.query<{ id: string }>(
      'select (howdah.start_session($1, $2, $3, $4, $5)).id',
      [agent ?? null, title, policy, JSON.stringify(state), workflow ?? null],
    );
    const made = rows[0]?.id ?? '';
    const row = await findSession(db, made);
    return { status: 201, headers: { location: `/sessions/${made}` }, body: row };
  },
});

const listSessions = route({
  method: 'GET',
  path: '/sessions',
  id: 'listSessions',
  tag: 'sessions',
  summary: 'List sessions, newest first',
  isReplicable: true,
  query: z.strictObject({
    ...page,
    ...{ user_id: id.optional(), agent_id: id.optional() },
    words: z
      .string()
      .optional()
      .describe('Words that the title or one turn contains, of the newest 1,000 sessions'),
  }),
  answers: { 200: { description: 'A page of sessions', schema: pageOf(session) } },
  async work(db, { query, url }) {
    const { words, ...others } = query;
    const where = [...equalTo(others), ...conditionsOf({ [HAS_WORDS]: words })];
    return answerPage(db, sessions, where, query, url);
  },
});

const getSession = route({
  ...shared,
  method: 'GET',
  path: '/sessions/{sid}',
  id: 'getSession',
  summary: 'Get a session',
  answers: shown,
  work: async (db, { params }) => ({ body: await findSession(db, params.sid) }),
});

const switchAgent = route({
  ...shared,
  method: 'PUT',
  path: '/sessions/{sid}/agent',
  id: 'switchAgent',
  summary: 'Set the agent or workflow of the next messages of a session',
  description: 'Live runs keep their agent.',
  body: z.strictObject(who),
  answers: shown,
  async work(db, { params, body }) {
    const { agent, workflow } = await namesOf(db, body, true);
    await db.query('select (howdah.switch_agent($1, $2, $3)).id', [
      params.sid,
      agent ?? null,
      workflow ?? null,
    ]);
    return { body: await findSession(db, params.sid) };
  },
});

export const sessionRoutes: Route[] = [createSession, listSessions, getSession, switchAgent];
