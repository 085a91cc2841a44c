import { z } from 'zod';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { filterPlaces } from '../../../db/access/output-filters.ts';
import { flag, id, time } from '../../http/fields.ts';
import { createResource } from '../definitions/definitions.ts';
import { agentByName, withSubjectIds } from '../definitions/subject-names.ts';
import { crudRoutes } from '../framework/crud-resource.ts';
import type { Route } from '../framework/route.ts';

const times = { created_at: time, updated_at: time };

/** Output filters: patterns that redact or block what a run says. */
export const outputFilters = createResource({
  path: '/api/output-filters',
  one: 'output filter',
  table: 'output_filters',
  name: 'OutputFilter',
  columns: {
    name: z.string().describe('The name: at most 64 letters, digits, _ and -'),
    agent_id: id.nullable().optional().describe('Only runs of this agent'),
    pattern: z.string().describe('A regular expression; see docs/trust.md'),
    places: z.array(z.enum(filterPlaces)).optional().describe('All places but input by default'),
    action: z.enum(enumLabels.filter_action).optional().describe('redact by default'),
    is_active: z.boolean().optional(),
  },
  more: agentByName,
  valuesOf: withSubjectIds,
  fixed: ['agent_id'],
  readOnly: times,
  filters: { name: z.string().optional(), agent_id: id.optional(), is_active: flag.optional() },
});

const toolKind = z.enum(enumLabels.tool_kind);

/** Tool policies: which calls of runs that have read untrusted data are asked about or denied. */
export const toolPolicies = createResource({
  path: '/api/tool-policies',
  one: 'tool policy',
  table: 'tool_policies',
  name: 'ToolPolicy',
  columns: {
    agent_id: id.nullable().optional().describe('Only runs of this agent'),
    tool_id: id.nullable().optional().describe('Only calls of this tool'),
    kind: toolKind.nullable().optional().describe('Only calls of tools of this kind'),
    effect: z
      .enum(enumLabels.tool_effect)
      .nullable()
      .optional()
      .describe('Only calls with this effect'),
    min_trust: z
      .enum(['system', 'user', 'internal'])
      .optional()
      .describe('The policy holds for runs below this trust; see docs/trust.md'),
    decision: z.enum(enumLabels.policy_decision),
  },
  more: agentByName,
  valuesOf: withSubjectIds,
  fixed: ['agent_id', 'tool_id', 'kind', 'effect'],
  readOnly: times,
  filters: { agent_id: id.optional(), tool_id: id.optional(), kind: toolKind.optional() },
});

const approvals = createResource({
  path: '/api/approvals',
  one: 'approval',
  table: 'approvals',
  name: 'Approval',
  columns: { tool: z.string().describe('The tool whose calls are approved') },
  readOnly: {
    scope: z.enum(enumLabels.approval_scope),
    trust: z.enum(enumLabels.trust),
    execution_id: id.nullable(),
    session_id: id.nullable(),
    agent_id: id.nullable(),
    created_by: z.string(),
    created_at: time,
  },
  filters: {
    tool: z.string().optional(),
    execution_id: id.optional(),
    session_id: id.optional(),
    agent_id: id.optional(),
  },
});

/** Routes of remembered approvals, which answers to questions write. */
export const approvalRoutes: Route[] = crudRoutes(approvals).filter(
  ({ method }) => method === 'GET' || method === 'DELETE',
);
