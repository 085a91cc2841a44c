import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { id, role, time } from '../fields.ts';
import { shownName } from '../references.ts';
import { resource } from '../resource.ts';
import { namesOfSubject, subjectByName, withSubjectIds } from '../subject-names.ts';

const permission = z.enum(enumLabels.grant_permission);

/** Grants: who may see, run or edit one agent or workflow. */
export const grants = resource('grants', {
  path: '/api/grants',
  one: 'grant',
  command: {
    noun: 'admin grants',
    list: ['id', 'agent', 'workflow', 'user', 'role', 'permission'],
    empty: 'No grants: every user sees every agent. See docs/security.md.',
    name: 'id',
  },
  columns: {
    agent_id: id.nullable().optional(),
    workflow_id: id.nullable().optional(),
    user_id: id.nullable().optional(),
    role: role.nullable().optional(),
    permission,
  },
  parts: subjectByName,
  valuesOf: withSubjectIds,
  once: ['agent_id', 'workflow_id', 'user_id', 'role'],
  readOnly: { created_at: time, updated_at: time },
  computed: {
    ...namesOfSubject,
    user: shownName('users', 'user_id'),
  },
  examples: {
    create: { permission: 'run', agent: 'support', role: 'viewer' },
    change: { permission: 'edit' },
  },
  filters: {
    agent_id: id.optional(),
    workflow_id: id.optional(),
    user_id: id.optional(),
    role: role.optional(),
    permission: permission.optional(),
  },
  aliases: { grant_id: 'id' },
});
