import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { REDACTED, Redaction } from '../../src/redaction/redaction.ts';
import { spellings } from '../../src/redaction/spellings.ts';

/** Secrets that begin, end, contain or overlap others. */
const overlapping = fc
  .array(fc.string({ unit: fc.constantFrom(...'abA0/+"%\\&<=ä'), minLength: 8, maxLength: 14 }), {
    minLength: 1,
    maxLength: 4,
  })
  .chain((roots) =>
    fc
      .array(
        fc.record({
          root: fc.constantFrom(...roots),
          other: fc.constantFrom(...roots),
          from: fc.nat(6),
          kind: fc.constantFrom('begin', 'end', 'join', 'overlap'),
        }),
        { maxLength: 4 },
      )
      .map((cuts) => [
        ...roots,
        ...cuts.map(({ root, other, from, kind }) => {
          if (kind === 'begin') return root.slice(0, 8);
          if (kind === 'end') return root.slice(-8);
          return kind === 'join' ? root + other : root.slice(from) + other.slice(0, 8);
        }),
      ]),
  )
  .filter((secrets) => secrets.every((secret) => secret.trim() === secret));

/**
 * Texts of ordinary words and of secrets in any spelling, whole or in part, adjacent and nested.
 */
const described = overlapping.chain((secrets) => {
  const written = fc.constantFrom(...secrets.flatMap(spellings));
  const part = fc
    .tuple(written, fc.nat(30), fc.nat(30))
    .map(([text, a, b]) => text.slice(a, a + b));
  const word = fc.string({ unit: fc.constantFrom(...'abA0/+"%\\&<=ä \n'), maxLength: 10 });
  return fc.record({
    secrets: fc.constant(secrets),
    text: fc.array(fc.oneof(written, part, word), { maxLength: 12 }).map((parts) => parts.join('')),
    cuts: fc.array(fc.nat(300), { maxLength: 12 }),
  });
});

/** Redacts a text by trying each spelling at each position. */
function expected(text: string, secrets: readonly string[]): string {
  const found: [number, number][] = [];
  for (const spelling of secrets.flatMap(spellings)) {
    for (let at = text.indexOf(spelling); at >= 0; at = text.indexOf(spelling, at + 1)) {
      found.push([at, at + spelling.length]);
    }
  }
  found.sort(([a], [b]) => a - b);
  let rest = '';
  let end = 0;
  for (let one = 0; one < found.length; ) {
    const [from, first] = found[one] as [number, number];
    rest += text.slice(end, from) + REDACTED;
    end = first;
    for (one += 1; one < found.length && (found[one] as [number, number])[0] < end; one += 1) {
      end = Math.max(end, (found[one] as [number, number])[1]);
    }
  }
  return rest + text.slice(end);
}

function splitAt(text: string, cuts: readonly number[]): string[] {
  const places = [...new Set([0, ...cuts.map((cut) => cut % (text.length + 1)), text.length])];
  places.sort((a, b) => a - b);
  return places.map((place, at) => text.slice(place, places[at + 1] ?? text.length));
}

describe('overlapping secrets', () => {
  test('are redacted completely in every spelling, and nothing else is, in any order of secrets', () => {
    fc.assert(
      fc.property(described, ({ secrets, text }) => {
        const redacted = Redaction.of(secrets).text(text);
        expect(redacted).toBe(expected(text, secrets));
        expect(Redaction.of(secrets.toReversed()).text(text)).toBe(redacted);
        const apart = Redaction.union(secrets.map((secret) => Redaction.of([secret])));
        expect(apart.text(text)).toBe(redacted);
        const left = secrets.flatMap(spellings).filter((spelling) => redacted.includes(spelling));
        expect(left).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  test('are redacted in a stream as in the whole text, wherever it is split', () => {
    fc.assert(
      fc.property(described, ({ secrets, text, cuts }) => {
        const stream = Redaction.of(secrets).stream();
        const pieces = splitAt(text, cuts).map((piece) => stream.pass(piece));
        expect(pieces.join('') + stream.rest()).toBe(expected(text, secrets));
      }),
      { numRuns: 200 },
    );
  });

  test('a stream emits no text before it is known whether it is a secret', () => {
    fc.assert(
      fc.property(described, ({ secrets, text }) => {
        const stream = Redaction.of(secrets).stream();
        const wanted = expected(text, secrets);
        let redacted = '';
        for (let at = 0; at < text.length; at += 1) {
          redacted += stream.pass(text.charAt(at));
          // the output so far is a prefix of the final output
          expect(wanted.startsWith(redacted)).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('are redacted together when one is a prefix of another', () => {
    const redaction = Redaction.of(['abcdefgh', 'abcdefghXYZ12345', 'Z12345-and-more']);
    expect(redaction.text('a abcdefghXYZ12345 b abcdefghXYZ12345-and-more c abcdefghXYZ')).toBe(
      'a *** b *** c ***XYZ',
    );
  });
});

describe('recognizes a secret written as', () => {
  const SECRET = 'aZ/9+"q%x\\y&z<w>v\'u=ä~!k';
  const redaction = Redaction.of([SECRET]);
  const entity = (quote: string, apostrophe: string) =>
    SECRET.replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', quote)
      .replaceAll("'", apostrophe);
  const small = (text: string) => text.replace(/%[0-9A-F]{2}/g, (one) => one.toLowerCase());
  const json = JSON.stringify(SECRET);
  test.each([
    ['plain text', SECRET],
    ['JSON', json],
    ['JSON in JSON', JSON.stringify(json)],
    ['JSON in JSON in JSON', JSON.stringify(JSON.stringify(json))],
    ['JSON written by PHP', json.replaceAll('/', '\\/').replace('ä', '\\u00e4')],
    ['JSON written by Python', json.replace('ä', '\\u00e4')],
    [
      'JSON written by Go',
      json.replace('&', '\\u0026').replace('<', '\\u003c').replace('>', '\\u003e'),
    ],
    ['a URL component', encodeURIComponent(SECRET)],
    ['a URL component in lower case', small(encodeURIComponent(SECRET))],
    ['a URL component encoded twice', encodeURIComponent(encodeURIComponent(SECRET))],
    ['a URL', encodeURI(SECRET)],
    ['a form field', new URLSearchParams({ k: SECRET }).toString()],
    ['a link in JSON', JSON.stringify({ u: `x/?k=${encodeURIComponent(SECRET)}` })],
    ['HTML text', entity('"', "'")],
    ['an HTML attribute', entity('&quot;', '&#39;')],
    ['an attribute written by Python', entity('&quot;', '&#x27;')],
    ['an attribute written by PHP', entity('&quot;', '&#039;')],
    ['an attribute written by Go', entity('&#34;', '&#39;').replaceAll('+', '&#43;')],
    ['Base64', Buffer.from(SECRET).toString('base64')],
    ['URL-safe Base64', Buffer.from(SECRET).toString('base64url')],
    ['Basic authorization', Buffer.from(`user:${SECRET}`).toString('base64')],
    [
      'Basic authorization with another user name',
      Buffer.from(`users:${SECRET}`).toString('base64'),
    ],
    ['Base64 of the surrounding text', Buffer.from(`a users: ${SECRET} b`).toString('base64')],
    ['hex', Buffer.from(SECRET).toString('hex')],
    ['UTF-8 read as Latin-1', Buffer.from(SECRET).toString('latin1')],
  ])('%s', (_, text) => {
    const redacted = redaction.text(`before ${text} behind`);
    // only the context remains: quotes, a user name, an address
    expect(redacted).toMatch(/^before .{0,20}\*\*\*.{0,12} behind$/);
  });

  test('the password of a secret that is a URL, a pair or a header', () => {
    for (const secret of [
      'postgres://user:pass%2Fword-1@db.example/x',
      'user:pass/word-1',
      'Bearer pass/word-1',
    ]) {
      expect(Redaction.of([secret]).text('it is pass/word-1')).toBe('it is ***');
    }
  });
});

test('does not redact a secret shorter than a key', () => {
  const text = 'ollama runs models, none of them EMPTY';
  expect(Redaction.of(['ollama', 'none', 'EMPTY', '']).text(text)).toBe(text);
  expect(Redaction.of(['ollama'], { shortest: 4 }).text(text)).toBe(text.replace('ollama', '***'));
});

test('redacts the beginning of a secret at the end of a truncated text', () => {
  const redaction = Redaction.of(['sk-cut-0123456789']);
  expect(redaction.text('it is sk-cut-0123', { isCut: true })).toBe('it is ***');
  expect(redaction.text('it is sk-cut-0123')).toBe('it is sk-cut-0123');
});

test('redacts texts, names and numbers of a JSON document and preserves its shape', () => {
  const redaction = Redaction.of(['1234567890', 'secret-value']);
  expect(
    redaction.json({ a: [1234567890, 1, null, 'secret-value'], 'secret-value': true }),
  ).toEqual({ a: ['***', 1, null, '***'], '***': true });
  let deep: unknown = 'secret-value';
  for (let level = 0; level < 100_000; level += 1) deep = [deep];
  expect(JSON.stringify(redaction.json(deep as string[])).includes('secret-value')).toBe(false);
});

test('returns bytes without a secret unchanged', () => {
  const redaction = Redaction.of(['secret-äöü-value']);
  const plain = Buffer.from([0, 255, 128, 10]);
  expect(redaction.bytes(plain)).toBe(plain);
  const redacted = redaction.bytes(Buffer.concat([plain, Buffer.from('secret-äöü-value'), plain]));
  expect(redacted).toEqual(Buffer.concat([plain, Buffer.from(REDACTED), plain]));
});

describe('takes time linear in the length of the text', () => {
  const hostile = `${'a'.repeat(4_000)}b`;
  const secrets = [
    hostile,
    'a'.repeat(500),
    ...Array.from({ length: 40 }, (_, n) => `aaaaaaaa${n}`),
  ];
  test.each([
    ['letters that secrets start with', (size: number) => 'a'.repeat(size)],
    ['prefixes of secrets', (size: number) => `${'a'.repeat(7)} `.repeat(size / 8)],
    ['ordinary words', (size: number) => 'words of no meaning '.repeat(size / 20)],
  ])('%s', (_, textOf) => {
    const workOf = (size: number, pieces: number) => {
      const redaction = Redaction.of(secrets);
      const before = redaction.comparisons;
      const text = textOf(size);
      const stream = redaction.stream();
      const length = Math.ceil(text.length / pieces);
      for (let at = 0; at < text.length; at += length) stream.pass(text.slice(at, at + length));
      stream.rest();
      return redaction.comparisons - before;
    };
    const small = workOf(125_000, 1);
    expect(workOf(1_000_000, 1)).toBeLessThan(small * 8.5);
    expect(workOf(1_000_000, 10_000)).toBeLessThan(small * 8.5);
    expect(small).toBeLessThan(125_000 * 60);
  });
});
