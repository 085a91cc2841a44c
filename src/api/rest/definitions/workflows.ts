import { z } from 'zod';
import { withOffload } from '../../../concurrency/offload.ts';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import type { Queryable } from '../../../db/connection/pool.ts';
import type { JsonObject } from '../../../json/json.ts';
import { refuseUnreadableConditions } from '../../../runtime/teams/condition.ts';
import { columnList } from '../../http/column-list.ts';
import {
  flag,
  id,
  object,
  optionalBigint,
  optionalInt,
  optionalNumber,
} from '../../http/fields.ts';
import type { CrudResource } from '../framework/crud-resource.ts';
import { equalTo } from '../framework/pagination.ts';
import { versionedColumns } from './definitions.ts';
import { nameOf } from './subject-names.ts';

const TYPES = enumLabels.workflow_type;
const type = z
  .string()
  .transform((text) => text.toLowerCase().replaceAll('-', '_'))
  .pipe(z.enum(TYPES))
  .describe(`One of ${TYPES.join(', ')}`);

const columns = {
  name: z.string().describe('Unique among the workflows of the tenant that are not deleted'),
  description: z.string().optional(),
  type,
  instruction: z.string().optional(),
  configuration: object
    .optional()
    .describe('The configuration for the type; see docs/workflows.md'),
  is_active: z.boolean().optional(),
  max_steps: optionalInt,
  max_tokens: optionalBigint,
  max_cost: optionalNumber,
  max_seconds: optionalInt,
};

const member = z.union([
  z.string().describe('The name of an agent, or of a workflow if no agent has this name'),
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

/** Workflows, with their members in order. */
export const workflows: CrudResource = {
  path: '/api/workflows',
  one: 'workflow',
  collection: {
    table: 'workflows',
    living: 't.deleted_at is null',
    shown: `${columnList({ id, ...columns, ...versionedColumns })},
      t.id as workflow_id, t.is_active as active,
      (select v.version from howdah.workflow_versions as v where v.id = t.current_version_id) as version,
      coalesce((
        select to_jsonb(array_agg(jsonb_strip_nulls(jsonb_build_object(
          'agent', (select a.name from howdah.agents as a where a.id = m.agent_id),
          'workflow', (select w.name from howdah.workflows as w where w.id = m.member_workflow_id),
          'question', m.question, 'role', m.role, 'configuration', nullif(m.configuration, '{}')))
          order by m.sequence_order))
        from howdah.workflow_agents as m where m.workflow_id = t.id), '[]') as members`,
  },
  row: z
    .object({
      id,
      ...z.object({ ...columns, type: z.enum(TYPES) }).required().shape,
      ...versionedColumns,
      workflow_id: id.describe('The same as id'),
      active: z.boolean().describe('The same as is_active'),
      version: z.int().nullable(),
      members: z.array(object),
    })
    .meta({ id: 'Workflow' }),
  fields: z.strictObject({ ...columns, members: z.array(member).optional() }),
  columns: Object.keys(columns),
  fieldAliases: { workflow_id: 'id', workflow_agents: 'members' },
  shownAliases: ['active'],
  filters: {
    query: { name: z.string().optional(), type: type.optional(), is_active: flag.optional() },
    conditions: equalTo,
  },
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
};
