import { z } from 'zod';
import { equalTo } from '../equal-to.ts';
import { count, id, object, time } from '../fields.ts';
import { type Body, resource } from '../resource.ts';

/** Rows of their own name the bases: no index serves a list of ids under row-level security. */
const IS_SEARCHED = `exists (select from howdah_private.searched_bases as b
  where b.tenant_id = t.tenant_id and b.search_id = t.id and b.knowledge_base_id = ?)`;

/** Searches in knowledge bases. People see their own and those of runs, and admins see all. */
export const searches = resource('searches', {
  path: '/api/searches',
  one: 'search',
  many: 'searches',
  isLarge: true,
  writes: [],
  command: {
    noun: 'dev searches',
    list: ['id', 'created_at', 'created_by', 'query', 'knowledge_bases', 'mode', 'results'],
    empty: 'No searches. Search: howdah kb search BASE QUESTION',
    name: 'id',
  },
  columns: {},
  readOnly: {
    created_at: time,
    user_id: id.nullable(),
    created_by: z.string().nullable(),
    execution_id: id.nullable(),
    step_seq: z.int().nullable(),
    mode: z.string(),
    knowledge_base_ids: z.array(id),
    k: z.int().nullable(),
    filter: object.nullable(),
    is_repeated: z.boolean(),
    rerank_error: z.string().nullable(),
  },
  computed: {
    query: {
      sql: 'howdah.searches_query(t)',
      schema: z.string().nullable().describe('null if it is encrypted, erased or not stored'),
    },
    knowledge_bases: {
      sql: `array(select b.name from howdah.knowledge_bases as b
        where b.tenant_id = t.tenant_id and b.id = any (t.knowledge_base_ids) order by b.name)`,
      schema: z
        .array(z.string())
        .describe('The names of the bases, without those that are deleted'),
    },
    agent: {
      sql: `(select a.name from howdah.executions as e
        join howdah.agents as a on a.tenant_id = e.tenant_id and a.id = e.agent_id
        where e.id = t.execution_id)`,
      schema: z.string().nullable().describe('The agent of the run that searched'),
    },
    results: {
      sql: '(select count(*)::int from howdah.search_results as r where r.search_id = t.id)',
      schema: count.describe('How many chunks the search found, at most 100'),
    },
  },
  filters: {
    execution_id: id.optional(),
    user_id: id.optional(),
    knowledge_base_id: id.optional().describe('A base that was searched, also besides others'),
  },
  conditions: ({ knowledge_base_id: base, ...query }: Body) =>
    base === undefined ? equalTo(query) : [...equalTo(query), [IS_SEARCHED, base]],
});
