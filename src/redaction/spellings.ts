// The spellings of a secret that a server may send back: the secret itself, and the output of the
// usual encoders of programs and web frameworks. An encoder that is not listed here (rot13, one
// character per line) is not found.

import { decodePercent } from '../text/decode-percent.ts';

/** The shortest piece of Base64 or hex to look for. Shorter ones occur in ordinary texts. */
const SHORTEST_PIECE = 8;
/**
 * Levels of JSON within JSON: a JSON text may be a string of another document, and that one part of
 * a log line.
 */
const JSON_LEVELS = 3;

/** Returns every spelling of a secret and of its secret part, without duplicates or empty texts. */
export function spellings(secret: string): string[] {
  const all = new Set<string>();
  for (const value of [secret.toWellFormed(), ...secretParts(secret.toWellFormed())]) {
    for (const spelling of encodings(value)) {
      let text = spelling;
      all.add(text);
      for (let level = 0; level < JSON_LEVELS; level += 1) {
        text = asJson(text);
        all.add(text);
      }
    }
  }
  all.delete('');
  return [...all];
}

/**
 * Returns the parts that are secret by themselves, if long enough: the password of a URL, the
 * second half of `user:password`, and the token behind `Bearer`.
 */
function secretParts(value: string): string[] {
  const { password = '' } = URL.parse(value) ?? {};
  const pair = /^[^\s:/]+:(\S+)$/.exec(value)?.[1] ?? '';
  const token = /^[A-Za-z][A-Za-z-]* (\S+)$/.exec(value)?.[1] ?? '';
  return [password, decodePercent(password) ?? password, pair, token].filter(
    ({ length }) => length >= SHORTEST_PIECE,
  );
}

function encodings(value: string): string[] {
  const bytes = Buffer.from(value);
  return [
    value,
    bytes.toString('latin1'), // UTF-8 read as Latin-1
    ...jsonSpellings(value),
    ...urlSpellings(value),
    ...htmlSpellings(value),
    ...base64Spellings(bytes),
    ...withoutShort([bytes.toString('hex'), bytes.toString('hex').toUpperCase()]),
  ];
}

/** Encodes as JavaScript, PHP (`\/`), Python (`\u00e4`) and Go (`\u0026`) write JSON. */
function jsonSpellings(value: string): string[] {
  const plain = asJson(value);
  const html = plain.replace(/[<>&]/g, unicodeEscape);
  const all = [plain, html, html.replaceAll("'", unicodeEscape)];
  const ascii = all.map((text) => text.replace(/[\u0080-\uffff]/g, unicodeEscape));
  return [...all, ...ascii]
    .flatMap((text) => [text, text.replaceAll('/', '\\/')])
    .flatMap((text) => [text, text.replace(/\\u[0-9a-f]{4}/g, upperHex)]);
}

const asJson = (text: string): string => JSON.stringify(text).slice(1, -1);

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

const upperHex = (escaped: string): string => `\\u${escaped.slice(2).toUpperCase()}`;

/** Encodes for paths, queries and forms, with upper and lower case escapes, once and twice. */
function urlSpellings(value: string): string[] {
  const component = encodeURIComponent(value);
  const strict = component.replace(/[!'()*~]/g, percent);
  const all = [
    component,
    strict,
    strict.replaceAll('%7E', '~'),
    component.replaceAll('%2F', '/'),
    strict.replaceAll('%7E', '~').replaceAll('%2F', '/'),
    encodeURI(value),
    new URLSearchParams({ '': value }).toString().slice(1),
  ];
  return [...all, ...all.map((text) => encodeURIComponent(text))].flatMap((text) => [
    text,
    text.replace(/%(25)*[0-9A-F]{2}/g, (escaped) => escaped.toLowerCase()),
  ]);
}

const percent = (character: string): string =>
  `%${character.charCodeAt(0).toString(16).toUpperCase()}`;

/** Replacements of quotes, and of the signs that some encoders escape too. */
const HTML_QUOTES: readonly Record<string, string>[] = [
  {},
  { '"': '&quot;' },
  { '"': '&quot;', "'": '&#39;' },
  { '"': '&quot;', "'": '&#x27;' },
  { '"': '&quot;', "'": '&#039;' },
  { '"': '&quot;', "'": '&apos;' },
  { '"': '&#34;', "'": '&#39;' },
];
const HTML_SIGNS: readonly Record<string, string>[] = [
  {},
  { '/': '&#x2F;', '`': '&#x60;', '=': '&#x3D;' },
  { '+': '&#43;' },
];

function htmlSpellings(value: string): string[] {
  return HTML_QUOTES.flatMap((quotes) =>
    HTML_SIGNS.map((signs) => {
      const table: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
      Object.assign(table, quotes, signs);
      return value.replace(/[&<>"'/`=+]/g, (sign) => table[sign] ?? sign);
    }),
  );
}

/**
 * Returns the part of a secret that the Base64 of any text around it contains, for each alignment:
 * behind zero, one or two more bytes.
 */
function base64Spellings(bytes: Buffer): string[] {
  const found = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64url');
    const first = Math.ceil((before * 8) / 6);
    return text.slice(first, Math.floor(((before + bytes.length) * 8) / 6));
  });
  const plain = found.map((text) => text.replaceAll('-', '+').replaceAll('_', '/'));
  const whole = bytes.toString('base64');
  return withoutShort([...found, ...plain, whole, bytes.toString('base64url')]);
}

function withoutShort(texts: readonly string[]): string[] {
  return texts.filter(({ length }) => length >= SHORTEST_PIECE);
}
