import { z } from 'zod';
import { withOffload } from '../../concurrency/offload.ts';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import type { JsonObject } from '../../json/json.ts';
import { refuseUnreadableConditions } from '../../runtime/teams/condition.ts';
import { flag, id, object, optionalBigint, optionalInt, optionalNumber } from '../fields.ts';
import { resource } from '../resource.ts';
import { nameOf } from '../subject-names.ts';
import { versionedColumns } from './columns.ts';

const TYPES = enumLabels.workflow_type;
const type = z
  .string()
  .transform((text) => text.toLowerCase().replaceAll('-', '_'))
  .pipe(z.enum(TYPES))
  .describe(`One of ${TYPES.join(', ')}`);

const columns = {
  name: z.string(),
  description: z.string().optional(),
  type,
  instruction: z.string().optional(),
  configuration: object.optional(),
  is_active: z.boolean().optional(),
  max_steps: optionalInt,
  max_tokens: optionalBigint,
  max_cost: optionalNumber,
  max_seconds: optionalInt,
};

const member = z.union([
  z.string(),
  z
    .strictObject({
      agent: z.string().optional(),
      workflow: z.string().optional(),
      agent_id: id.optional(),
      workflow_id: id.optional(),
      sequence_order: z.int32().optional().describe('Its place; else the order of the list'),
      question: object
        .optional()
        .describe('The question for a person who is the member; see docs/workflows.md'),
      role: z.string().optional(),
      configuration: object.optional(),
    })
    .refine(
      ({ agent, workflow, agent_id, workflow_id, question }) =>
        [agent, workflow, agent_id, workflow_id, question].filter((one) => one !== undefined)
          .length === 1,
      'a member must be exactly one of agent, workflow and question',
    ),
]);

/** Returns members in their order, by name. Throws `HWNTF` for an id without a row. */
async function toNamedMembers(db: Queryable, members: z.output<typeof member>[]) {
  const placeOf = (one: z.output<typeof member>) =>
    (typeof one === 'string' ? undefined : one.sequence_order) ?? Number.POSITIVE_INFINITY;
  const ordered = members.toSorted((a, b) =>
    placeOf(a) < placeOf(b) ? -1 : Number(placeOf(a) > placeOf(b)),
  );
  const named: unknown[] = [];
  for (const one of ordered) {
    if (typeof one === 'string') named.push(one);
    else {
      const { agent_id, workflow_id, sequence_order: _, ...rest } = one;
      const agent = agent_id && (await nameOf(db, 'agent', agent_id));
      const workflow = workflow_id && (await nameOf(db, 'workflow', workflow_id));
      named.push({ ...(agent && { agent }), ...(workflow && { workflow }), ...rest });
    }
  }
  return named;
}

const MEMBERS = `coalesce((
  select to_jsonb(array_agg(jsonb_strip_nulls(jsonb_build_object(
    'agent', (select a.name from howdah.agents as a where a.id = m.agent_id),
    'workflow', (select w.name from howdah.workflows as w where w.id = m.member_workflow_id),
    'question', m.question, 'role', m.role, 'configuration', nullif(m.configuration, '{}')))
    order by m.sequence_order))
  from howdah.workflow_agents as m where m.workflow_id = t.id), '[]')`;

/** Workflows, with their members in order. */
export const workflows = resource('workflows', {
  path: '/api/workflows',
  one: 'workflow',
  living: 't.deleted_at is null',
  command: {
    noun: 'dev workflows',
    list: ['id', 'name', 'type', 'version', 'is_active', 'description'],
    empty: 'No workflows. Describe them in a file: howdah apply FILE',
    group: 'Agents',
    summary: 'manage the workflows, in which agents work together',
  },
  columns,
  shownColumns: { type: z.enum(TYPES) },
  parts: { members: z.array(member).optional() },
  readOnly: versionedColumns,
  computed: {
    workflow_id: { sql: 't.id', schema: id.describe('The same as id') },
    active: { sql: 't.is_active', schema: z.boolean().describe('The same as is_active') },
    version: {
      sql: '(select v.version from howdah.workflow_versions as v where v.id = t.current_version_id)',
      schema: z.int().nullable(),
    },
    members: { sql: MEMBERS, schema: z.array(object) },
  },
  aliases: { workflow_id: 'id', workflow_agents: 'members' },
  shownAliases: ['active'],
  examples: {
    create: { name: 'review', type: 'chain', members: ['writer', 'editor'] },
    change: { is_active: false },
  },
  filters: { name: z.string().optional(), type: type.optional(), is_active: flag.optional() },
  async writeParts(db, workflowId, body, { isWhole, tenantId }) {
    const configuration = body.configuration as JsonObject | undefined;
    // parsed after the database has bounded them
    if (configuration) {
      await withOffload(tenantId, undefined, () => refuseUnreadableConditions(configuration));
    }
    if (isWhole || body.members !== undefined) {
      const sent = (body.members ?? []) as z.output<typeof member>[];
      const members = JSON.stringify(await toNamedMembers(db, sent));
      await db.query('select howdah_private.set_workflow_members($1, $2)', [workflowId, members]);
    }
    if (isWhole || body.members !== undefined || body.configuration !== undefined) {
      await db.query('select howdah_private.check_named_members($1)', [workflowId]);
    }
  },
  async remove(db, workflowId) {
    await db.query('select (howdah.delete_workflow($1)).id', [workflowId]);
  },
});
