import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { flag, id, time } from '../fields.ts';
import { resource } from '../resource.ts';
import { namesOfSubject } from '../subject-names.ts';

const event = z.enum(enumLabels.hook_event);

/** Functions that decide at steps of runs. Only an owner of the database writes one. */
export const hooks = resource('hooks', {
  path: '/api/hooks',
  one: 'hook',
  writes: [],
  command: {
    noun: 'admin hooks',
    list: ['id', 'event', 'function', 'agent', 'workflow', 'position', 'is_active'],
    empty: 'No hooks. An owner of the database adds a row to howdah.hooks (see docs/hooks.md)',
    name: 'id',
    summary: 'list the hooks: functions that Howdah calls at certain events of a run',
  },
  columns: {
    event,
    function: z.string(),
    agent_id: id.nullable().optional(),
    workflow_id: id.nullable().optional(),
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
