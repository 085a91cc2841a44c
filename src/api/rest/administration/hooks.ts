import { z } from 'zod';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { flag, id, time } from '../../http/fields.ts';
import { createResource } from '../definitions/definitions.ts';
import { namesOfSubject } from '../definitions/subject-names.ts';
import { crudRoutes } from '../framework/crud-resource.ts';
import type { Route } from '../framework/route.ts';

const event = z.enum(enumLabels.hook_event);

const hooks = createResource({
  path: '/api/hooks',
  one: 'hook',
  table: 'hooks',
  name: 'Hook',
  columns: {
    event,
    function: z.string().describe('The function of the database, or the name in a program'),
    agent_id: id.nullable().optional().describe('Only runs of this agent'),
    workflow_id: id.nullable().optional().describe('Only runs of this workflow'),
    position: z.int32().optional(),
    timeout_ms: z.int32().optional(),
    is_active: z.boolean().optional(),
  },
  readOnly: { created_at: time, updated_at: time },
  computed: namesOfSubject,
  filters: {
    event: event.optional(),
    agent_id: id.optional(),
    workflow_id: id.optional(),
    is_active: flag.optional(),
  },
});

/**
 * Routes that read hooks. A hook calls a function of the database, so that only an owner of the
 * database writes one.
 */
export const hookRoutes: Route[] = crudRoutes(hooks).filter(({ method }) => method === 'GET');
