import { expect, test } from 'vitest';
import { withinTime } from '../../src/concurrency/within-time.ts';
import { parseSigningKey } from '../../src/contracts/secret.ts';
import { markNumbers } from '../../src/json/mark-numbers.ts';
import { match } from '../../src/providers/local/choose.ts';
import { contentStems, stem } from '../../src/providers/local/words.ts';
import { definesAgents } from '../../src/systems/fast-agent/project.ts';
import { jsonFault } from '../../src/systems/yaml/json-errors.ts';
import { trimEnd } from '../../src/text/trim-end.ts';
import { firstBytes } from '../../src/text/truncate.ts';

// Texts of a megabyte over which a careless regular expression or loop takes quadratic time, which
// is hours. The time allowed here is a thousand times what linear time takes.

const LENGTH = 1_000_000;
const fill = (part: string) => part.repeat(LENGTH / part.length);
const code = {
  ...{ name: 'run_code', description: 'Run a program.' },
  parameters: { type: 'object', properties: { code: { type: 'string' } }, required: ['code'] },
};
const shaped = {
  ...{ name: 'find_order', description: `Find an order: ${fill('#')}` },
  parameters: {
    type: 'object',
    properties: { id: { type: 'string', pattern: '^A-\\d+$', description: fill('#') } },
  },
};

test.each<[string, () => unknown]>([
  ['endings of a word', () => stem(fill('n'))],
  ['endings of words', () => contentStems(fill('ing'))],
  ['programs without an end', () => match(fill('select '), [code])],
  ['words of dots', () => match(`${fill('.')}a`, [shaped])],
  ['strings without an end in JSON', () => jsonFault(`"${fill('ab')}`)],
  ['escapes without an end in JSON', () => jsonFault(`"${fill('\\"')}`)],
  ['numbers within strings without an end', () => markNumbers(fill('"\\'))],
  ['blank lines of Python', () => definesAgents(`${fill('\n')}x`)],
  ['characters that are not valid', () => firstBytes(fill('\ufffd'), LENGTH)],
  ['padding of a signing key', () => parseSigningKey(`whsec_${'A'.repeat(32)}${fill('=')}A`)],
  ['the end of a text', () => trimEnd(`${fill('/')}a${fill('/')}`, '/')],
])('%s take linear time', (_, work) => {
  expect(() => withinTime(60_000, work)).not.toThrow();
});

test('the end of a text is removed character by character', () => {
  expect(trimEnd('https://example.com///', '/')).toBe('https://example.com');
  expect(trimEnd('word.:.', '.:')).toBe('word');
  expect(trimEnd('===', '=')).toBe('');
});
