import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { id, time } from '../fields.ts';
import { resource } from '../resource.ts';
import { namesOfSubject } from '../subject-names.ts';

/** Remembered approvals, which answers to questions write. */
export const approvals = resource('approvals', {
  path: '/api/approvals',
  one: 'approval',
  writes: ['delete'],
  command: {
    noun: 'admin approvals',
    list: ['id', 'tool', 'scope', 'trust', 'execution_id', 'session_id', 'agent', 'created_by'],
    empty: 'No remembered approvals.',
    name: 'id',
  },
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
  computed: { agent: namesOfSubject.agent },
  filters: {
    tool: z.string().optional(),
    execution_id: id.optional(),
    session_id: id.optional(),
    agent_id: id.optional(),
  },
});
