import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'htmlparser2';
import type { Collection } from './collections.ts';

/** The folder of the packages `debian-reference-de` and `debian-reference-en`. */
const FOLDER = '/usr/share/debian-reference';
const HEADING = /<h[23] class="title">(.*?)<\/h[23]>/gs;
/** The fewest characters of a section. Others have sections below them only. */
const MIN_CHARACTERS = 80;

/**
 * Makes a collection of the Debian Reference in a language: its sections are the documents, without
 * their headings, which are the questions. Returns undefined if the package is not installed.
 */
export function readDebianReference(language: 'de' | 'en'): Collection | undefined {
  const collection: Collection = {
    name: `debian_reference_${language}`,
    documents: [],
    queries: [],
    relevant: new Map(),
  };
  for (const file of filesOf(language)) {
    const html = readFileSync(join(FOLDER, file), 'utf8');
    const headings = [...html.matchAll(HEADING)];
    for (const [at, heading] of headings.entries()) {
      const end = headings[at + 1]?.index ?? html.indexOf('<div class="navfooter"');
      const text = textOf(html.slice(heading.index + heading[0].length, end));
      const question = textOf(heading[1] ?? '').replace(/^[\d.]+\s+/, '');
      if (text.length < MIN_CHARACTERS) continue;
      const id = `${file} ${at}`;
      collection.documents.push({ _id: id, text });
      collection.queries.push({ _id: id, text: question });
      collection.relevant.set(id, new Map([[id, 1]]));
    }
  }
  return collection.documents.length > 0 ? collection : undefined;
}

function filesOf(language: string): string[] {
  try {
    return readdirSync(FOLDER)
      .filter((name) => /^ch\d+\./.test(name) && name.endsWith(`.${language}.html`))
      .sort();
  } catch {
    return [];
  }
}

/** Returns the text of HTML: a line for each line of the text, without tags. */
function textOf(html: string): string {
  const parts: string[] = [];
  const read = (node: { type: string; data?: string; children?: unknown[] }) => {
    if (node.type === 'text') parts.push(node.data ?? '');
    for (const child of node.children ?? []) read(child as typeof node);
  };
  read(parseDocument(html) as never);
  return parts
    .join('')
    .split('\n')
    .map((line) => line.trim())
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}
