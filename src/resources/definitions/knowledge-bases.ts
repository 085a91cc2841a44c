import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { id, object, optionalText } from '../fields.ts';
import { resource } from '../resource.ts';
import { byName, namesOfAgents, times } from './columns.ts';

/** Collections of documents that people and agents search. */
export const knowledgeBases = resource('knowledge_bases', {
  path: '/api/knowledge-bases',
  one: 'knowledge base',
  command: {
    noun: 'kb',
    list: ['id', 'name', 'domain', 'language', 'trust'],
    empty: 'No knowledge bases. Create one: howdah kb create NAME',
  },
  columns: {
    name: z.string(),
    domain: optionalText,
    language: z.string().optional(),
    detects_language: z.boolean().optional(),
    chunking: object.optional(),
    trust: z.enum(enumLabels.trust).optional(),
    embedding_model_id: id.nullable().optional(),
    ranking: object.optional(),
    rerank_model_id: id.nullable().optional(),
    rerank_candidates: z.int().optional(),
    ocr_model_id: id.nullable().optional(),
    records_searches: z.boolean().optional(),
  },
  readOnly: times,
  computed: { agents: namesOfAgents('agent_knowledge_bases', 'knowledge_base_id') },
  examples: {
    create: { name: 'handbook', language: 'english' },
    change: { domain: 'refunds' },
  },
  filters: { ...byName, domain: z.string().optional() },
});
