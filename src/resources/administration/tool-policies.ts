import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { id, time } from '../fields.ts';
import { shownName } from '../references.ts';
import { resource } from '../resource.ts';
import { agentByName, namesOfSubject, withSubjectIds } from '../subject-names.ts';

const toolKind = z.enum(enumLabels.tool_kind);

/** Which calls of runs that have read untrusted data are asked about or denied. */
export const toolPolicies = resource('tool_policies', {
  path: '/api/tool-policies',
  one: 'tool policy',
  many: 'tool policies',
  command: {
    noun: 'admin policies',
    list: ['id', 'agent', 'tool', 'kind', 'effect', 'min_trust', 'decision'],
    empty:
      'There are no policies: tools are allowed no matter what a run has read. See docs/trust.md.',
    name: 'id',
  },
  columns: {
    agent_id: id.nullable().optional(),
    tool_id: id.nullable().optional(),
    kind: toolKind.nullable().optional(),
    effect: z.enum(enumLabels.tool_effect).nullable().optional(),
    min_trust: z.enum(['system', 'user', 'internal']).optional(),
    decision: z.enum(enumLabels.policy_decision),
  },
  parts: agentByName,
  valuesOf: withSubjectIds,
  once: ['agent_id', 'tool_id', 'kind', 'effect'],
  readOnly: { created_at: time, updated_at: time },
  computed: {
    agent: namesOfSubject.agent,
    tool: shownName('tools', 'tool_id'),
  },
  examples: { create: { kind: 'mcp', decision: 'ask' }, change: { decision: 'deny' } },
  filters: { agent_id: id.optional(), tool_id: id.optional(), kind: toolKind.optional() },
});
