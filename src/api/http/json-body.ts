import type { IncomingMessage } from 'node:http';
import type { Json } from '../../json/json.ts';
import { ExponentError, parseJson } from '../../json/parse-json.ts';
import { MAX_VALUES } from './jsonb-safety.ts';

/** The reason why a body is rejected. */
export type BodyFault = Readonly<{ status: 400 | 413 | 415; message: string; hint?: string }>;

/** A rejected body. `gone` means that the sender disconnected before the whole body had arrived. */
type RefusedBody = Readonly<{ ok: false; fault: BodyFault | 'gone' }>;
export type Body = Readonly<{ ok: true; value: Json }> | RefusedBody;
export type TextBody = Readonly<{ ok: true; value: string }> | RefusedBody;

/**
 * Reads the JSON body of a request: UTF-8, at most `mostBytes` bytes, and each name once per
 * object. Parsers differ in how they treat a repeated name, so a program in front of this server
 * may have checked the other value.
 */
export async function readJson(request: IncomingMessage, mostBytes: number): Promise<Body> {
  const bytes = await readJsonBytes(request, mostBytes);
  return bytes.ok ? parseJsonBody(bytes.value) : bytes;
}

/**
 * Reads the bytes of a JSON body, which is parsed after its signature was verified. When the signal
 * fires, the rest is not awaited.
 */
export async function readJsonBytes(
  request: IncomingMessage,
  mostBytes: number,
  signal?: AbortSignal,
): Promise<Readonly<{ ok: true; value: Buffer }> | RefusedBody> {
  const fault = jsonHeadersFault(request, mostBytes);
  if (fault) return { ok: false, fault };
  const bytes = await readBytes(request, mostBytes, signal);
  if (bytes === 'gone') return { ok: false, fault: 'gone' };
  if (bytes === 'too many') return { ok: false, fault: tooLarge(mostBytes) };
  return { ok: true, value: bytes };
}

/** Returns why a JSON body is rejected by its headers alone, before it is read. */
export function jsonHeadersFault(
  { headers }: Pick<IncomingMessage, 'headers'>,
  mostBytes: number,
): BodyFault | undefined {
  const message = headersFault(headers);
  if (message !== undefined) return { status: 415, message };
  return Number(headers['content-length']) > mostBytes ? tooLarge(mostBytes) : undefined;
}

function tooLarge(mostBytes: number): BodyFault {
  return { status: 413, message: `A request may have at most ${mostBytes} bytes.` };
}

/** Media types of a body: of texts, and of files, whose bytes are read as base64. */
export type BodyTypes = { texts: readonly string[]; files: readonly string[] };

/**
 * Reads the body of a request, of one of these types: a text in UTF-8, or the bytes of a file, at
 * most `mostBytes` bytes.
 */
export async function readText(
  request: IncomingMessage,
  mostBytes: number,
  { texts, files }: BodyTypes,
): Promise<TextBody> {
  const fault = headersFault(request.headers, [...texts, ...files]);
  if (fault) return refuse(415, fault);
  const bytes = await readBytes(request, mostBytes);
  if (bytes === 'gone') return { ok: false, fault: 'gone' };
  if (bytes === 'too many') return refuse(413, `A request may have at most ${mostBytes} bytes.`);
  if (files.includes(mediaOf(request.headers)))
    return { ok: true, value: bytes.toString('base64') };
  try {
    return { ok: true, value: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return refuse(400, 'The request is not valid UTF-8.');
  }
}

const mediaOf = ({ 'content-type': type = '' }: IncomingMessage['headers']) =>
  type.split(';')[0]?.trim().toLowerCase() ?? '';

function refuse(status: BodyFault['status'], message: string, hint?: string): RefusedBody {
  return { ok: false, fault: { status, message, ...(hint !== undefined && { hint }) } };
}

/**
 * Returns what is wrong with the headers of a body. A body must have a type that a page cannot send
 * to another server without a preflight, so forms and plain text are rejected.
 */
function headersFault(
  headers: IncomingMessage['headers'],
  types: readonly string[] = ['application/json'],
): string | undefined {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = headers;
  const [media = '', ...parameters] = type.split(';').map((part) => part.trim().toLowerCase());
  if (!types.includes(media)) {
    return `The Content-Type of a request must be ${types.join(' or ')}.`;
  }
  const charset = parameters.find((parameter) => parameter.startsWith('charset='));
  if (charset !== undefined && !/^charset="?utf-?8"?$/.test(charset)) {
    return `${media === 'application/json' ? 'JSON' : 'Text'} must be sent in UTF-8.`;
  }
  return encoding === 'identity' ? undefined : 'A request must not have a Content-Encoding.';
}

/** Reads the bytes of a body. A body that is not awaited any more is `gone`. */
async function readBytes(
  request: IncomingMessage,
  most: number,
  signal?: AbortSignal,
): Promise<Buffer | 'gone' | 'too many'> {
  if (Number(request.headers['content-length']) > most) return 'too many';
  const chunks: Buffer[] = [];
  let length = 0;
  const { promise, resolve } = Promise.withResolvers<Buffer | 'gone' | 'too many'>();
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > most) resolve('too many');
    else if (!signal?.aborted) chunks.push(chunk);
  });
  request.on('end', () => resolve(Buffer.concat(chunks)));
  request.on('error', () => resolve('gone'));
  request.on('close', () => resolve('gone'));
  signal?.addEventListener('abort', () => resolve('gone'), { once: true });
  const bytes = await promise;
  if (bytes === 'gone') chunks.length = 0; // the listeners keep the list
  return bytes;
}

/** Parses bytes as JSON, by the rules of `readJson`. */
export function parseJsonBody(bytes: Buffer): Body {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const fault = faultIn(text);
    if (fault) return refuse(400, ...fault);
    return { ok: true, value: parseJson(text) as Json };
  } catch (error) {
    if (error instanceof ExponentError) {
      return refuse(400, `The request is not accepted: ${error.message}.`, 'Write the digits.');
    }
    return refuse(
      400,
      'The request is not valid JSON.',
      'Send JSON in UTF-8, without a byte order mark.',
    );
  }
}

const COLON = /\s*:/y;
const WHITESPACE = ' \n\r\t';

/**
 * Most levels of lists and objects in a request. Code that walks a request calls itself for each
 * level.
 */
const MAX_LEVELS = 100;

/**
 * Most names of one object. Code that walks an object compares its names, or writes each of them
 * down.
 */
const MAX_NAMES = 10_000;

/**
 * Finds a fault of a JSON text before the text is parsed, with a hint: a name twice in one object,
 * too many levels, too many names or too many values. For a text that is not JSON it returns
 * undefined or throws.
 */
function faultIn(text: string): [message: string, hint?: string] | undefined {
  const open: (Set<string> | undefined)[] = [];
  let values = 1;
  let isFirst = false; // the innermost list or object is still empty
  for (let at = 0; at < text.length; at += 1) {
    if (open.length > MAX_LEVELS) {
      return [
        `The request is nested more than ${MAX_LEVELS} levels deep.`,
        'Send lists and objects with fewer levels.',
      ];
    }
    const character = text[at] as string;
    if (WHITESPACE.includes(character)) continue;
    const isClosing = character === '}' || character === ']';
    if (character === ',' || (isFirst && !isClosing)) values += 1;
    if (values > MAX_VALUES) {
      return [`The request has more than ${MAX_VALUES} values.`, 'Send several smaller requests.'];
    }
    isFirst = false;
    if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : undefined);
      isFirst = true;
    } else if (isClosing) open.pop();
    else if (character === '"') {
      const end = endOfString(text, at);
      if (end < 0) return undefined;
      COLON.lastIndex = end + 1;
      if (COLON.test(text)) {
        const names = open.at(-1);
        const name = parseJson(text.slice(at, end + 1)) as string;
        if (names?.has(name)) {
          return [
            `An object in the request has the name ${JSON.stringify(name.slice(0, 200))} twice.`,
          ];
        }
        names?.add(name);
        if (names && names.size > MAX_NAMES) {
          return [
            `The request has an object with more than ${MAX_NAMES} names.`,
            'Send the values as a list.',
          ];
        }
      }
      at = end;
    }
  }
  return undefined;
}

/**
 * Returns the position of the quote that ends the string, or -1. This is the next quote behind an
 * even number of backslashes.
 */
function endOfString(text: string, start: number): number {
  let end = start;
  let backslashes = 1;
  while (backslashes % 2 === 1) {
    end = text.indexOf('"', end + 1);
    if (end < 0) return end;
    backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes += 1;
  }
  return end;
}
