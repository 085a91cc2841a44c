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
    list: [
      ...['id', 'scope', 'kind', 'content', 'trust', 'is_pinned', 'proposal_status'],
      ...['valid_from', 'valid_to'],
    ],
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
    is_pinned: z.boolean(),
    valid_from: time,
    valid_to: time.nullable(),
    superseded_by: id.nullable(),
    source_execution_id: id.nullable(),
    source_seq: z.int().nullable(),
    created_by: z.string(),
    created_at: time,
    proposal_status: z.enum(enumLabels.proposal_status).nullable(),
    proposed_at: time.nullable(),
    decided_at: time.nullable(),
    decided_by: z.string().nullable(),
    origin_id: id.nullable(),
    origin_changed_at: time.nullable(),
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
    is_pinned: flag
      .optional()
      .describe('true: only memories in the prompts of their agents; false: only the others'),
    proposal_status: z
      .enum(enumLabels.proposal_status)
      .optional()
      .describe('only memories with such a proposal to the tenant'),
  },
  conditions: ({ is_valid, is_pinned, proposal_status, ...query }) => [
    ...equalTo(query),
    // the null test is served by an index, which the comparison of an enum is not
    ...condition(proposal_status && true, 't.proposal_status is not null', ''),
    ...equalTo({ proposal_status }),
    ...condition(is_valid, 't.superseded_by is null', 't.superseded_by is not null'),
    ...condition(is_pinned, 't.is_pinned', 'not t.is_pinned'),
  ],
});

/** Returns the condition for one value of a flag, or none if the flag is not given. */
function condition(isWanted: unknown, whenTrue: string, whenFalse: string): [string, boolean][] {
  return isWanted === undefined ? [] : [[`${isWanted ? whenTrue : whenFalse} and ?`, true]];
}
