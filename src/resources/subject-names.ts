import { z } from 'zod';
import type { Queryable } from '../db/connection/pool.ts';
import { noSuch, RequestRefusal } from './request-refusal.ts';

type Body = Readonly<Record<string, unknown>>;
type Subject = 'agent' | 'workflow';

/** The names of the agent and the workflow that a row is about, besides their ids. */
export const namesOfSubject = {
  agent: {
    sql: '(select a.name from howdah.agents as a where a.id = t.agent_id)',
    schema: z.string().nullable().describe('The name of the agent'),
  },
  workflow: {
    sql: '(select w.name from howdah.workflows as w where w.id = t.workflow_id)',
    schema: z.string().nullable().describe('The name of the workflow'),
  },
} as const;

const nameField = (one: Subject) =>
  z.string().optional().describe(`The name of the ${one}, in place of ${one}_id`);

/** Fields that name an agent in place of `agent_id`. */
export const agentByName = { agent: nameField('agent') };
/** Fields that name an agent or a workflow in place of its id. */
export const subjectByName = { ...agentByName, workflow: nameField('workflow') };

/**
 * Returns a body with the id of the agent or workflow that it names. Both may be sent if they mean
 * the same row. A new name replaces an agent by a workflow, and a workflow by an agent.
 */
export async function withSubjectIds(
  { agent, workflow, ...body }: Body,
  db: Queryable,
): Promise<Body> {
  const ids = {
    ...(agent != null && { agent_id: await idOf(db, 'agent', agent, body.agent_id) }),
    ...(workflow != null && {
      workflow_id: await idOf(db, 'workflow', workflow, body.workflow_id),
    }),
  };
  const isNamed = Object.keys(ids).length > 0;
  return isNamed ? { agent_id: null, workflow_id: null, ...withoutNulls(body), ...ids } : body;
}

const withoutNulls = (body: Body): Body =>
  Object.fromEntries(
    Object.entries(body).filter(
      ([name, value]) => value !== null || !/^(agent|workflow)_id$/.test(name),
    ),
  );

async function idOf(db: Queryable, kind: Subject, name: unknown, sent: unknown): Promise<unknown> {
  if (sent == null) {
    const { rows } = await db.query<{ id: string }>(`select howdah.${kind}($1) as id`, [name]);
    return rows[0]?.id;
  }
  const { rowCount } = await db.query(
    `select from howdah.${kind}s as t where t.id = $1 and t.name = $2`,
    [sent, name],
  );
  if (rowCount === 1) return sent;
  throw new RequestRefusal(400, `${kind} and ${kind}_id do not mean the same ${kind}`, {
    hint: 'Set only one of them.',
    detail: { field: kind },
  });
}

/** Returns the name of an agent or a workflow. Throws `HWNTF`. */
export async function nameOf(db: Queryable, one: Subject, rowId: string): Promise<string> {
  const { rows } = await db.query<{ name: string }>(
    `select t.name from howdah.${one}s as t where t.id = $1 and t.deleted_at is null`,
    [rowId],
  );
  if (rows[0]) return rows[0].name;
  throw noSuch(one, rowId);
}
