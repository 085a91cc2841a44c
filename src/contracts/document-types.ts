/** The types of documents of knowledge bases, by the endings of their files. */
export const DOCUMENT_TYPES: Readonly<Record<string, string>> = {
  '.csv': 'text/csv',
  '.htm': 'text/html',
  '.html': 'text/html',
  '.md': 'text/markdown',
  '.txt': 'text/plain',
};

/** Returns the type of a file by its name. Text of another ending is Markdown. */
export function documentType(file: string): string {
  const ending = /\.[^.]*$/.exec(file.toLowerCase())?.[0] ?? '';
  return DOCUMENT_TYPES[ending] ?? 'text/markdown';
}
