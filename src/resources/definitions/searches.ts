import { z } from 'zod';
import { count, id, object, time } from '../fields.ts';
import { resource } from '../resource.ts';

/** Searches in knowledge bases. People see their own and those of runs, and admins see all. */
export const searches = resource('searches', {
  path: '/api/searches',
  one: 'search',
  many: 'searches',
  isLarge: true,
  writes: [],
  command: {
    noun: 'dev searches',
    list: ['id', 'created_at', 'created_by', 'query', 'mode', 'results'],
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
    results: {
      sql: '(select count(*)::int from howdah.search_results as r where r.search_id = t.id)',
      schema: count.describe('How many chunks the search found, at most 100'),
    },
  },
  filters: { execution_id: id.optional(), user_id: id.optional() },
});
