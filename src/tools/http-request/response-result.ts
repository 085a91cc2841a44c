import type { Json, JsonObject } from '../../json/json.ts';
import type { Redaction } from '../../redaction/redaction.ts';
import { refuseRounding } from '../arguments.ts';
import type { EgressAnswer } from '../egress.ts';
import { RESULT_LIMIT_BYTES } from '../result.ts';
import { htmlToText } from './html-to-text.ts';

/** Headers a model can make use of; the others are for machines, and `set-cookie` is a secret. */
const TOLD = [
  'allow',
  'cache-control',
  'content-disposition',
  'content-language',
  'content-length',
  'content-type',
  'date',
  'etag',
  'expires',
  'last-modified',
  'link',
  'location',
  'retry-after',
  'www-authenticate',
  'x-request-id',
];
const HEADER_CHARACTERS = 1_000;

const HTML_TYPE = /^(text\/html|application\/xhtml\+xml)$/;
const JSON_TYPE = /^application\/(json|[\w.+-]+\+json)$/;
const TEXT_TYPE =
  /^(text\/.+|application\/(xml|javascript|ecmascript|graphql|sql|yaml|x-yaml|toml|x-ndjson|x-www-form-urlencoded)|[\w-]+\/[\w.+-]+\+(xml|yaml))$/;

export type Telling = {
  askedUrl: string;
  /** HTML as it is, and not what a person reads of it. */
  isSource: boolean;
  /** Before anything is cut off: half a secret is not known again. */
  redaction: Redaction;
};

/** The result of a call: small enough to be told whole, so that it stays JSON. */
export function answerResult(
  answer: EgressAnswer<Buffer>,
  { askedUrl, isSource, redaction }: Telling,
): JsonObject {
  const { status, url } = answer;
  const frame = {
    status,
    ...(url === URL.parse(askedUrl)?.href ? {} : { url }),
    headers: redactedHeaders(answer.headers, redaction),
  };
  // redacts again: decoding JSON or HTML may have revealed a secret that was written in escapes
  const body = redaction.json(readBody(answer, isSource, redaction));
  const room = RESULT_LIMIT_BYTES - jsonBytes({ ...frame, body: '', truncated: false });
  if (jsonBytes(body) <= room) return { ...frame, body, truncated: false };
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { ...frame, body: fitting(text, room), truncated: true };
}

/** The first characters of a text body, for an error; empty when it is no text. `isWhole`: there is no more of it. */
export function excerpt(
  bytes: Buffer,
  headers: Headers,
  {
    characters,
    isWhole,
    redaction,
  }: { characters: number; isWhole: boolean; redaction: Redaction },
): string {
  const text = redaction.text(textOf(bytes, headers) ?? '', { isCut: !isWhole });
  return startOf(text, characters);
}

/** JSON as a value, a page as what is read of it, text as text, anything else as a note of what it is. */
function readBody(
  { body, headers, url }: EgressAnswer<Buffer>,
  isSource: boolean,
  redaction: Redaction,
): Json {
  const said = textOf(body, headers);
  if (said === null) {
    return `[not text: ${mediaType(headers) || 'of unknown type'}, ${body.byteLength} bytes]`;
  }
  const text = redaction.text(said);
  const type = mediaType(headers);
  if (HTML_TYPE.test(type) && !isSource) return htmlToText(text, url) ?? text;
  return JSON_TYPE.test(type) ? parsed(text) : text;
}

/** Text that is no JSON after all stays text, and so does JSON whose long numbers would be rounded. */
function parsed(text: string): Json {
  try {
    return JSON.parse(text, refuseRounding);
  } catch {
    return text;
  }
}

function textOf(body: Buffer, headers: Headers): string | null {
  const type = mediaType(headers);
  if (body.byteLength === 0) return '';
  // A server that names no type is taken at its bytes.
  if (type === '') return body.includes(0) ? null : decoded(body, 'utf-8', true);
  return JSON_TYPE.test(type) || TEXT_TYPE.test(type) ? decoded(body, charset(headers)) : null;
}

function decoded(body: Buffer, label: string, fatal = false): string | null {
  try {
    return new TextDecoder(label, { fatal }).decode(body);
  } catch {
    return fatal ? null : new TextDecoder().decode(body);
  }
}

function mediaType(headers: Headers): string {
  return (headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function charset(headers: Headers): string {
  return /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(headers.get('content-type') ?? '')?.[1] ?? 'utf-8';
}

function redactedHeaders(headers: Headers, redaction: Redaction): JsonObject {
  return Object.fromEntries(
    TOLD.flatMap((name) => {
      const value = headers.get(name);
      return value === null ? [] : [[name, redaction.text(value).slice(0, HEADER_CHARACTERS)]];
    }),
  );
}

/** As much of the start as JSON of `room` bytes holds: quotes and escapes count. */
function fitting(text: string, room: number): string {
  let kept = startOf(text, room);
  for (let bytes = jsonBytes(kept); bytes > room; bytes = jsonBytes(kept)) {
    kept = startOf(kept, Math.floor((kept.length * room) / bytes) - 1);
  }
  return kept;
}

/** Never half of a surrogate pair. */
function startOf(text: string, characters: number): string {
  return text.slice(0, characters).replace(/[\ud800-\udbff]$/, '');
}

function jsonBytes(value: Json): number {
  return Buffer.byteLength(JSON.stringify(value));
}
