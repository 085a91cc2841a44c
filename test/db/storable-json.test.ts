import { expect, test } from 'vitest';
import { storableJson, storableText } from '../../src/db/connection/storable-json.ts';
import { HOSTILE_STRINGS, UNSTORABLE_STRINGS } from '../fixtures/hostile-strings.ts';

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
