const MIME = /^[a-z0-9][a-z0-9.+-]*\/[a-z0-9][a-z0-9.+-]*(;[ -~]*)?$/;
const UNKNOWN = 'application/octet-stream';

/** The first bytes of image types. A file with other bytes is not an image of its type. */
const IMAGES: Record<string, readonly string[]> = {
  'image/png': ['89504e470d0a1a0a'],
  'image/jpeg': ['ffd8ff'],
  'image/gif': ['474946383761', '474946383961'],
  'image/webp': ['52494646'],
};

/**
 * Types by the lower-case extension of a file name, for the files of programs, models and people.
 */
const BY_ENDING: Readonly<Record<string, string>> = {
  ...{ txt: 'text/plain', log: 'text/plain', md: 'text/markdown', csv: 'text/csv' },
  ...{ tsv: 'text/tab-separated-values', html: 'text/html', htm: 'text/html', css: 'text/css' },
  ...{ json: 'application/json', jsonl: 'application/x-ndjson', ndjson: 'application/x-ndjson' },
  ...{ geojson: 'application/geo+json', xml: 'application/xml', yaml: 'application/yaml' },
  ...{ yml: 'application/yaml', toml: 'application/toml', sql: 'application/sql' },
  ...{ js: 'text/javascript', ts: 'text/typescript', py: 'text/x-python', sh: 'text/x-sh' },
  ...{ ics: 'text/calendar', tex: 'text/x-tex', diff: 'text/x-diff', patch: 'text/x-diff' },
  ...{ png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif' },
  ...{ webp: 'image/webp', svg: 'image/svg+xml', wav: 'audio/wav', mp3: 'audio/mpeg' },
  ...{ pdf: 'application/pdf', zip: 'application/zip', gz: 'application/gzip' },
  ...{ sqlite: 'application/vnd.sqlite3', db: 'application/vnd.sqlite3' },
  ...{
    docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    pptx: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  },
};

/**
 * Returns the type for the extension of a file name, or that of arbitrary bytes for an unknown
 * extension.
 */
export function typeOfName(name: string): string {
  const ending = /\.([a-z0-9]+)$/.exec(name.toLowerCase())?.[1] ?? '';
  return Object.hasOwn(BY_ENDING, ending) ? (BY_ENDING[ending] as string) : UNKNOWN;
}

/** Returns whether a text is a valid MIME type in lower case. */
export function isType(type: string): boolean {
  return type.length <= 200 && MIME.test(type);
}

/**
 * Returns the type of a file. A stated type is used if it is valid and does not contradict the
 * bytes.
 */
export function typeOf(said: string | undefined, bytes: Buffer): string {
  const type = (said ?? '').trim().toLowerCase();
  if (!isType(type)) return UNKNOWN;
  const beginnings = IMAGES[type.replace(/;.*/, '')];
  const head = bytes.subarray(0, 16).toString('hex');
  return beginnings && !beginnings.some((one) => head.startsWith(one)) ? UNKNOWN : type;
}
