import type { Json, JsonObject } from '../../json/json.ts';
import { parseJsonOrText } from '../../json/parse-json.ts';
import type { Redaction } from '../../redaction/redaction.ts';
import { firstCharacters } from '../../text/truncate.ts';
import type { EgressAnswer } from '../egress.ts';
import { RESULT_LIMIT_BYTES } from '../result-limit.ts';
import { htmlToText } from './html-to-text.ts';

/**
 * Headers that are useful to a model. Other headers are for programs, and `set-cookie` is a secret.
 */
const SHOWN_HEADERS = [
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

export type ResponseOptions = {
  requestUrl: string;
  /** Returns HTML unchanged instead of its text. */
  isSource: boolean;
  /**
   * The redaction that runs before any truncation, because half a secret would not be recognized.
   */
  redaction: Redaction;
};

/**
 * Builds the result of a call. The result fits the limit, so that later code does not truncate its
 * JSON.
 */
export function responseResult(
  answer: EgressAnswer<Buffer>,
  { requestUrl, isSource, redaction }: ResponseOptions,
): JsonObject {
  const { status, url } = answer;
  const frame = {
    status,
    ...(url === URL.parse(requestUrl)?.href ? {} : { url }),
    headers: redactedHeaders(answer.headers, redaction),
  };
  // redacts again, because decoding JSON or HTML may reveal an escaped secret
  const body = redaction.json(readBody(answer, isSource, redaction));
  const room = RESULT_LIMIT_BYTES - jsonBytes({ ...frame, body: '', truncated: false });
  if (jsonBytes(body) <= room) return { ...frame, body, truncated: false };
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { ...frame, body: firstFittingCharacters(text, room), truncated: true };
}

/**
 * Returns the first characters of a text body for an error, or an empty text for any other body.
 * `isWhole` is true if the bytes are complete.
 */
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
  return firstCharacters(text, characters);
}

/**
 * Converts a body: JSON to a value, HTML to its text, text to text, and any other body to a note
 * about its type.
 */
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
  return JSON_TYPE.test(type) ? parseJsonOrText(text) : text;
}

function textOf(body: Buffer, headers: Headers): string | null {
  const type = mediaType(headers);
  if (body.byteLength === 0) return '';
  // A body without a type is text if its bytes are.
  if (type === '') return body.includes(0) ? null : decodeText(body, 'utf-8', true);
  return JSON_TYPE.test(type) || TEXT_TYPE.test(type) ? decodeText(body, charset(headers)) : null;
}

function decodeText(body: Buffer, label: string, fatal = false): string | null {
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
    SHOWN_HEADERS.flatMap((name) => {
      const value = headers.get(name);
      return value === null
        ? []
        : [[name, firstCharacters(redaction.text(value), HEADER_CHARACTERS)]];
    }),
  );
}

/**
 * Returns the longest start of a text whose JSON fits in `room` bytes, including quotes and
 * escapes.
 */
function firstFittingCharacters(text: string, room: number): string {
  let start = firstCharacters(text, room);
  for (let bytes = jsonBytes(start); bytes > room; bytes = jsonBytes(start)) {
    start = firstCharacters(start, Math.floor((start.length * room) / bytes) - 1);
  }
  return start;
}

function jsonBytes(value: Json): number {
  return Buffer.byteLength(JSON.stringify(value));
}
