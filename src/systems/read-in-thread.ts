import { parseJson } from '../json/parse-json.ts';
import { type CheckedDocument, checkDocument } from './schema/check-document.ts';
import { type ParsedYaml, parseYaml, type YamlOptions } from './yaml/parse-yaml.ts';

// The program of threads that read files. Threads copy no `ExactNumber`, so they exchange documents
// as JSON.

/** A result whose document is a JSON text. */
export type WithText<T> = Omit<T, 'document'> & { document: string | undefined };
type CheckedText = { faults: CheckedDocument['faults']; rest?: WithText<Rest> };
type Rest = NonNullable<CheckedDocument['rest']>;

/** Parses a file in a thread. */
export function parseYamlText(text: string, options: YamlOptions): WithText<ParsedYaml> {
  return withText(parseYaml(text, options));
}

/** Checks a document in a thread. */
export async function checkDocumentText(document: string): Promise<CheckedText> {
  const { faults, rest } = await checkDocument(parseJson(document));
  return { faults, ...(rest && { rest: withText(rest) }) };
}

/** Returns the document that a thread parsed. */
export function parsedIn(parsed: WithText<ParsedYaml>): ParsedYaml {
  return { ...parsed, document: documentIn(parsed) };
}

/** Returns the result of a check in a thread. */
export function checkedIn({ faults, rest }: CheckedText): CheckedDocument {
  return {
    faults,
    ...(rest && { rest: { ...rest, document: documentIn(rest) as Rest['document'] } }),
  };
}

function withText<T extends { document: unknown }>(value: T): WithText<T> {
  return { ...value, document: JSON.stringify(value.document) };
}

function documentIn({ document }: { document: string | undefined }): unknown {
  return document === undefined ? undefined : parseJson(document);
}
