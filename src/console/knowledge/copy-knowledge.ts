import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { curlCommand, howdahCommand } from '../parts/command-line.ts';
import type { Forms } from '../parts/forms.ts';
import { quoteGraphql, quoteShell, quoteSql } from '../parts/quote.ts';

/** Rows that a request for a list asks for. */
export const ROWS = 50;

export type Base = { id: string; name: string };
export type DocumentFilter = { status?: string; words?: string };
export type Question = { query: string; k: string; filter: string };

const string = (text: string) => JSON.stringify(text);

// Paths begin with a dot, so that they stay below a mount.

/** Returns the request of the list of knowledge bases in each language. */
export function copyBases(root: URL): Forms {
  const columns = 'id, name, domain, language, trust';
  return {
    sql: `select ${columns}, howdah.knowledge_bases_state(b) as state\nfrom howdah.knowledge_bases as b\norder by id desc\nlimit ${ROWS};`,
    graphql: `query {\n  knowledgeBases(first: ${ROWS}, orderBy: PRIMARY_KEY_DESC) {\n    nodes { id name domain language trust state }\n  }\n}`,
    curl: curlCommand(new URL(`./api/knowledge-bases?limit=${ROWS}`, root)),
    cli: 'npx howdah kb list',
  };
}

/** Returns the request of the counts of a base in each language. */
export function copyState({ id, name }: Base, root: URL): Forms {
  return {
    sql: `select name, domain, language, chunking, trust, howdah.knowledge_bases_state(b) as state\nfrom howdah.knowledge_bases as b\nwhere id = ${quoteSql(id)};`,
    graphql: `query {\n  knowledgeBase(id: ${string(id)}) { name domain language chunking trust state }\n}`,
    curl: curlCommand(new URL(`./api/knowledge-bases/${id}/state`, root)),
    cli: howdahCommand('kb state', [], [name]),
  };
}

/** Returns the request of the documents of a base. A filter of GraphQL is one of an index. */
export function copyDocuments({ id, name }: Base, filter: DocumentFilter, root: URL): Forms {
  const { status, words } = filter;
  const url = new URL('./api/documents', root);
  const query = { knowledge_base_id: id, ...filter, limit: String(ROWS) };
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
  const conditions = [
    `knowledge_base_id = howdah.knowledge_base(${quoteSql(name)})`,
    ...(status ? [`status = ${quoteSql(status)}`] : []),
    ...(words ?? '')
      .split(/\s+/)
      .filter((word) => word !== '')
      .map((word) => `strpos(lower(title), lower(${quoteSql(word)})) > 0`),
  ];
  return {
    sql: `select id, title, type, status, status_at, error\nfrom howdah.documents\nwhere ${conditions.join('\n  and ')}\norder by id desc\nlimit ${ROWS};`,
    graphql:
      status || words
        ? undefined
        : `query {\n  documents(first: ${ROWS}, orderBy: PRIMARY_KEY_DESC, condition: { knowledgeBaseId: ${string(id)} }) {\n    nodes { id title type status statusAt error }\n  }\n}`,
    curl: curlCommand(url),
    cli: howdahCommand(
      'kb ls',
      [
        ['status', status],
        ['words', words],
      ],
      [name],
    ),
  };
}

/** Returns the request of a new document in each language. */
export function copyUpload({ id, name }: Base, root: URL): Forms {
  const url = new URL(`./api/knowledge-bases/${id}/documents?title=Returns`, root);
  return {
    sql: `insert into howdah.documents (knowledge_base_id, title, content)\nvalues (howdah.knowledge_base(${quoteSql(name)}), 'Returns', 'Returns are free.');`,
    graphql: `mutation {\n  createDocument(input: { document: {\n    knowledgeBaseId: ${string(id)}, title: "Returns", content: "Returns are free."\n  } }) { document { id } }\n}`,
    curl: `${curlCommand(url)} \\\n  -H 'Content-Type: text/markdown' --data-binary @returns.md`,
    cli: howdahCommand('kb add', [], [name, 'returns.md']),
  };
}

/** Returns a search in each language that can express its filter. */
export function copySearch({ id, name }: Base, question: Question, root: URL): Forms {
  const { query, k, filter } = question;
  const url = new URL(`./api/knowledge-bases/${id}/search?${searchQuery(question)}`, root);
  const found = 'title, heading_path, content, score, ranks';
  const quoted = filter === '' ? '' : graphqlFilter(filter);
  const args = [
    `array[${quoteSql(name)}]`,
    quoteSql(query),
    k,
    ...(filter ? [quoteSql(filter)] : []),
  ];
  return {
    sql: `select ${found}\nfrom howdah.search(${args.join(', ')});`,
    graphql:
      quoted === undefined
        ? undefined
        : `query {\n  search(bases: [${string(name)}], query: ${string(query)}, k: ${k}${quoted && `, filter: ${quoted}`}) {\n    nodes { title headingPath content score ranks }\n  }\n}`,
    curl: curlCommand(url),
    cli: howdahCommand(
      'kb search',
      [
        ['k', k],
        ['filter', filter || undefined],
      ],
      [name, query],
    ),
  };
}

/** Returns the parameters of a search. */
export function searchQuery({ query, k, filter }: Question): URLSearchParams {
  return new URLSearchParams({ query, k, ...(filter && { filter }) });
}

function graphqlFilter(filter: string): string | undefined {
  const { metadata } = { metadata: readObject(filter) ?? {} };
  return quoteGraphql({ metadata })?.slice('{ metadata: '.length, -' }'.length);
}

/** Reads a JSON object, or returns undefined if the text is none. */
export function readObject(text: string): JsonObject | undefined {
  try {
    const value = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the request of a document with its chunks in each language. */
export function copyDocument(base: Base, id: string, root: URL): Forms {
  return {
    sql: `select seq, heading_path, start_offset, end_offset, content\nfrom howdah.chunks\nwhere document_id = ${quoteSql(id)}\norder by seq;`,
    graphql: `query {\n  document(id: ${string(id)}) {\n    title status error metadata\n    chunks(first: ${ROWS}, orderBy: SEQ_ASC) { nodes { seq headingPath startOffset endOffset content } }\n  }\n}`,
    curl: curlCommand(new URL(`./api/documents/${id}/chunks`, root)),
    cli: howdahCommand('kb chunks', [], [base.name, id]),
  };
}

/** Returns three ways to create the first base. */
export function firstBase(root: URL) {
  const body = '{"name": "handbook"}';
  return {
    sql: "insert into howdah.knowledge_bases (name) values ('handbook');",
    curl: `curl ${new URL('./api/knowledge-bases', root).href} -H "Authorization: Bearer $HOWDAH_KEY" \\\n  -H 'Content-Type: application/json' -d ${quoteShell(body)}`,
    cli: 'npx howdah kb create handbook',
  };
}
