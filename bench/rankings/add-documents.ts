import type pg from 'pg';
import { doTurn } from '../../workers/batch-jobs/batch-job.ts';
import { ingestionJobs } from '../../workers/batch-jobs/documents/ingest-documents.ts';
import type { Text } from './collections.ts';

/**
 * A new base, and how many times it has each document. Documents are said to be in `languages` in
 * turn.
 */
export type NewBase = {
  name: string;
  copies?: number;
  detectsLanguage?: boolean;
  languages?: readonly string[];
};

/** Inserts documents into a new base by one statement, and divides them. */
export async function addDocuments(
  pool: pg.Pool,
  { name, copies = 1, detectsLanguage = true, languages = [] }: NewBase,
  documents: readonly Text[],
): Promise<void> {
  await pool.query(
    `with base as (
       insert into howdah.knowledge_bases (tenant_id, name, detects_language, records_searches)
       select id, $1, $4, false from howdah.tenants limit 1
       returning id, tenant_id)
     insert into howdah.documents (tenant_id, knowledge_base_id, title, content, metadata, language)
     select b.tenant_id, b.id, coalesce(nullif(btrim(d.doc ->> 'title'), ''), 'none'),
       d.doc ->> 'text', jsonb_build_object('id', d.doc ->> '_id'),
       ($5::text[])[1 + d.place % greatest(1, cardinality($5::text[]))]
     from base as b, jsonb_array_elements($2) with ordinality as d (doc, place),
       generate_series(1, $3::int)`,
    [name, JSON.stringify(documents), copies, detectsLanguage, languages],
  );
  const [job] = ingestionJobs({ pool });
  for (;;) {
    const lanes = (await job.lanes?.due()) ?? [];
    if (lanes.length === 0) break;
    for (const lane of lanes) {
      const { error } = await doTurn(job, lane);
      if (error !== undefined) throw error;
    }
  }
  await pool.query('vacuum analyze howdah_private.chunk_terms, howdah.chunks, howdah.documents');
}
