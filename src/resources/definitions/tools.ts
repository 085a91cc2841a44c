import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { flag, id, names, object, optionalInt, optionalText } from '../fields.ts';
import { resource } from '../resource.ts';
import { subjectByName, withSubjectIds } from '../subject-names.ts';
import { byName, namesOfAgents, owner, times } from './columns.ts';

const kind = z.enum(enumLabels.tool_kind);
const effect = z.enum(enumLabels.tool_effect);

/** Tools that agents call. */
export const tools = resource('tools', {
  path: '/api/tools',
  one: 'tool',
  command: {
    noun: 'tools',
    list: [
      'id',
      'name',
      'kind',
      'effect',
      'requires_approval',
      'timeout_ms',
      'is_active',
      'capabilities',
      'domain',
    ],
    empty: 'No tools.',
  },
  columns: {
    name: z.string(),
    kind,
    aliases: names.optional(),
    description: z.string().optional(),
    capabilities: names.optional(),
    domain: optionalText,
    parameters: object.optional(),
    configuration: object.optional(),
    effect: effect.optional(),
    requires_approval: z.boolean().optional(),
    timeout_ms: z.int32().optional(),
    cache_answers_for: optionalInt,
    compensation_tool_id: id.nullable().optional(),
    agent_id: id.nullable().optional(),
    workflow_id: id.nullable().optional(),
    is_active: z.boolean().optional(),
  },
  parts: subjectByName,
  valuesOf: withSubjectIds,
  once: ['kind'],
  readOnly: { server_id: id.nullable(), ...owner, ...times },
  computed: { agents: namesOfAgents('agent_tools', 'tool_id') },
  examples: {
    create: {
      name: 'orders',
      kind: 'http',
      configuration: { url: 'https://shop.example.com/orders' },
    },
    change: { timeout_ms: 5000 },
  },
  filters: { ...byName, kind: kind.optional(), is_active: flag.optional() },
  aliases: { tool_id: 'id' },
});
