const OFFICE = 'application/vnd.openxmlformats-officedocument';
const OPEN_DOCUMENT = 'application/vnd.oasis.opendocument';

/** The types of documents of knowledge bases, by the endings of their files. */
export const DOCUMENT_TYPES = {
  '.csv': 'text/csv',
  '.docx': `${OFFICE}.wordprocessingml.document`,
  '.eml': 'message/rfc822',
  '.htm': 'text/html',
  '.html': 'text/html',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.md': 'text/markdown',
  '.odp': `${OPEN_DOCUMENT}.presentation`,
  '.ods': `${OPEN_DOCUMENT}.spreadsheet`,
  '.odt': `${OPEN_DOCUMENT}.text`,
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.pptx': `${OFFICE}.presentationml.presentation`,
  '.txt': 'text/plain',
  '.webp': 'image/webp',
  '.xlsx': `${OFFICE}.spreadsheetml.sheet`,
} as const;

/** The most bytes of a document that is text, and of a file of another type. */
export const MAX_DOCUMENT_BYTES = { text: 1_000_000, file: 8 * 1024 * 1024 } as const;

/** Returns the type of a file by its name. Text of another ending is Markdown. */
export function documentType(file: string): string {
  const ending = /\.[^.]*$/.exec(file.toLowerCase())?.[0] ?? '';
  return Object.hasOwn(DOCUMENT_TYPES, ending)
    ? DOCUMENT_TYPES[ending as keyof typeof DOCUMENT_TYPES]
    : 'text/markdown';
}

/** Returns whether a document is text. A document of another type is stored as a file. */
export const isTextDocument = (type: string): boolean => type.startsWith('text/');

/** Returns whether a document is an image, whose text is recognized. */
export const isImageDocument = (type: string): boolean => type.startsWith('image/');
