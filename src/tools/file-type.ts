const MIME = /^[a-z0-9][a-z0-9.+-]*\/[a-z0-9][a-z0-9.+-]*(;[ -~]*)?$/;
const UNKNOWN = 'application/octet-stream';

/** Beginnings of what is called an image: what says otherwise is none. */
const IMAGES: Record<string, readonly string[]> = {
  'image/png': ['89504e470d0a1a0a'],
  'image/jpeg': ['ffd8ff'],
  'image/gif': ['474946383761', '474946383961'],
  'image/webp': ['52494646'],
};

/** By the end of a name, in lower case: what programs write, and models and people read. */
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

/** The type that the end of a file's name says; without one that is known, bytes of any kind. */
export function typeOfName(name: string): string {
  const ending = /\.([a-z0-9]+)$/.exec(name.toLowerCase())?.[1] ?? '';
  return Object.hasOwn(BY_ENDING, ending) ? (BY_ENDING[ending] as string) : UNKNOWN;
}

/** Whether it is written as a MIME type is, in lower case. */
export function isType(type: string): boolean {
  return type.length <= 200 && MIME.test(type);
}

/** What a file is, as far as whoever gives it can be believed. */
export function typeOf(said: string | undefined, bytes: Buffer): string {
  const type = (said ?? '').trim().toLowerCase();
  if (!isType(type)) return UNKNOWN;
  const beginnings = IMAGES[type.replace(/;.*/, '')];
  const head = bytes.subarray(0, 16).toString('hex');
  return beginnings && !beginnings.some((one) => head.startsWith(one)) ? UNKNOWN : type;
}
