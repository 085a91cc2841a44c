import type { JsonObject } from '../../../json/json.ts';
import { curlCommand, howdahCommand } from '../../parts/command-line.ts';
import type { Forms } from '../../parts/forms.ts';
import { quoteSql } from '../../parts/quote.ts';
import { listPath } from '../../rows/paths.ts';
import { basePage } from '../knowledge-rows.ts';

/** A recorded search as REST shows it. */
export type SearchRow = {
  id: string;
  created_at: string;
  /** Null for an application without a user, and for a run. */
  created_by: string | null;
  execution_id: string | null;
  step_seq: number | null;
  agent: string | null;
  /** Null if it is encrypted, erased or not stored. */
  query: string | null;
  knowledge_bases: string[];
  mode: string;
  k: number | null;
  filter: JsonObject | null;
  results: number;
  is_repeated: boolean;
  rerank_error: string | null;
};

/** A chunk that a search found, with what is known about why. */
export type SearchHit = {
  rank: number;
  score: number;
  rerank_rank: number | null;
  rerank_score: number | null;
  terms: string[];
  knowledge_base_id: string;
  knowledge_base: string | null;
  document_id: string;
  title: string | null;
  heading_path: string[];
  content: string | null;
  chunk_seq: number | null;
  is_current: boolean;
};

export const SEARCHES = listPath('searches');

/** Returns the path of a search. */
export const searchPage = (id: string) => `${SEARCHES}/${id}`;

/** Returns the path of the run that searched, at its step. */
export function stepOf({ execution_id, step_seq }: SearchRow): string | undefined {
  return execution_id === null ? undefined : `/runs/${execution_id}/${step_seq}`;
}

/** Returns the path that makes the search again; undefined if one page cannot make it. */
export function repeatPath({ query, knowledge_bases, k, filter }: SearchRow): string | undefined {
  const [base, ...others] = knowledge_bases;
  if (query === null || base === undefined || others.length > 0) return undefined;
  const question = new URLSearchParams({ q: query });
  if (k !== null) question.set('k', String(k));
  if (filter && Object.keys(filter).length > 0) question.set('filter', JSON.stringify(filter));
  return `${basePage(base)}?${question}`;
}

/** Returns the request for what a search found in each language. */
export function copyHits(id: string, root: URL): Forms {
  return {
    sql: `select rank, title, terms, score, content\nfrom howdah.search_hits(${quoteSql(id)});`,
    graphql: `query {\n  searchHits(searchId: ${JSON.stringify(id)}) {\n    nodes { rank title headingPath terms score content isCurrent }\n  }\n}`,
    curl: curlCommand(new URL(`./api/searches/${id}/hits`, root)),
    cli: howdahCommand('kb hits', [], [id]),
  };
}
