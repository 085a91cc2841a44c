import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Json } from '../../src/json/json.ts';
import { storableJson, storableText, unstorableReason } from '../../src/json/storable-json.ts';
import { HOSTILE_STRINGS, UNSTORABLE_STRINGS } from '../fixtures/hostile-strings.ts';

const texts = fc.string({
  unit: fc.oneof(fc.constantFrom('\0', '\ud800', '\udc00', '\ufffd', '\\u0000'), fc.string()),
});

test('a text is replaced exactly if it would be refused', () => {
  fc.assert(
    fc.property(texts, (text) => {
      expect(storableText(text) === text).toBe(unstorableReason(text) === undefined);
      expect(unstorableReason(storableText(text))).toBeUndefined();
    }),
  );
});

test('JSON is replaced in texts and in names, and nowhere else', () => {
  expect(JSON.parse(storableJson({ 'a\0': ['\ud800b', 1, null] }))).toEqual({
    'a\ufffd': ['\ufffdb', 1, null],
  });
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(storableJson(value))).toEqual(JSON.parse(JSON.stringify(value)) as Json);
    }),
  );
});

const documentOf = (text: string) => ({ text, list: [text, { [text]: null }] });

test.each(Object.entries(HOSTILE_STRINGS))('%s is stored as it is', (_name, text) => {
  expect(storableText(text)).toBe(text);
  expect(JSON.parse(storableJson(documentOf(text)))).toEqual(documentOf(text));
});

test.each(Object.entries(UNSTORABLE_STRINGS))('%s becomes U+FFFD', (_name, text) => {
  const replaced = text.replaceAll(/\0|\p{Cs}/gu, '\ufffd');
  expect(replaced).not.toBe(text);
  expect(storableText(text)).toBe(replaced);
  expect(JSON.parse(storableJson(documentOf(text)))).toEqual(documentOf(replaced));
});
