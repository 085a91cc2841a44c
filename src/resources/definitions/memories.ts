import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { equalTo } from '../equal-to.ts';
import { flag, id, time } from '../fields.ts';
import { resource } from '../resource.ts';

/** The memories of agents and people for later runs. Operations of their own write them. */
export const memories = resource('memories', {
  path: '/api/memories',
  one: 'memory',
  many: 'memories',
  isLarge: true,
  writes: ['delete'],
  command: {
    noun: 'dev memories',
    list: ['id', 'scope', 'kind', 'content', 'trust', 'valid_from', 'valid_to'],
    empty: 'No memories. Add one: howdah dev memories add "Prefers answers in French."',
    name: 'id',
  },
  columns: {},
  readOnly: {
    scope: z.enum(enumLabels.memory_scope),
    subject_id: id,
    kind: z.enum(enumLabels.memory_kind),
    content: z.string(),
    trust: z.enum(enumLabels.trust),
    valid_from: time,
    valid_to: time.nullable(),
    superseded_by: id.nullable(),
    source_execution_id: id.nullable(),
    source_seq: z.int().nullable(),
    created_by: z.string(),
    created_at: time,
  },
  async remove(db, memoryId) {
    await db.query('select howdah.forget($1)', [memoryId]);
  },
  filters: {
    subject_id: id.optional(),
    source_execution_id: id.optional(),
    is_valid: flag
      .optional()
      .describe('true: without memories that are corrected; false: only these'),
  },
  conditions: ({ is_valid, ...query }) =>
    is_valid === undefined
      ? equalTo(query)
      : [...equalTo(query), [`t.superseded_by is ${is_valid ? '' : 'not '}null and ?`, true]],
});
