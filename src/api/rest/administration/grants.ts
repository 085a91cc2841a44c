import { z } from 'zod';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { id, role, time } from '../../http/fields.ts';
import { createResource } from '../definitions/definitions.ts';
import { namesOfSubject, subjectByName, withSubjectIds } from '../definitions/subject-names.ts';

const permission = z.enum(enumLabels.grant_permission);

/** Grants: who may see, run or edit one agent or workflow. */
export const grants = createResource({
  path: '/api/grants',
  one: 'grant',
  table: 'grants',
  name: 'Grant',
  columns: {
    agent_id: id.nullable().optional(),
    workflow_id: id.nullable().optional(),
    user_id: id.nullable().optional().describe('The user that gets the permission'),
    role: role.nullable().optional().describe('The role that gets the permission'),
    permission,
  },
  more: subjectByName,
  valuesOf: withSubjectIds,
  fixed: ['agent_id', 'workflow_id', 'user_id', 'role'],
  readOnly: { created_at: time, updated_at: time },
  computed: {
    ...namesOfSubject,
    user: {
      sql: '(select u.username from howdah.users as u where u.id = t.user_id)',
      schema: z.string().nullable().describe('The name of the user'),
    },
  },
  filters: {
    agent_id: id.optional(),
    workflow_id: id.optional(),
    user_id: id.optional(),
    role: role.optional(),
    permission: permission.optional(),
  },
  fieldAliases: { grant_id: 'id' },
});
