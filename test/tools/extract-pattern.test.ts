import { expect, test } from 'vitest';
import { compilePattern } from '../../src/tools/extract/pattern.ts';
import { shapeOf } from '../../src/tools/extract/shape.ts';
import { finish } from '../support/work/finish.ts';

const PATTERNS = [
  ...['^INV-\\d{4,8}$', '^\\d+$', '^[A-C1]*[b-d2]?$', '^a{2}b{1,}c{0,3}$', '^a?a*a+$', '^\\d\\d$'],
  ...['^[\\d.]+\\.[\\d-]*$', '^[a-]\\-1$', '^[ab]{2,4}[ba]{1,2}1$', '^#/:_0$'],
];

/** Generates all texts of these letters up to the maximum length. */
function* texts(letters: string, most: number): Generator<string> {
  let all = [''];
  for (let length = 0; length <= most; length += 1) {
    yield* all;
    all = all.flatMap((text) => [...letters].map((letter) => text + letter));
  }
}

test.each(PATTERNS)('%s matches what JavaScript matches', (pattern) => {
  const [own, known] = [compilePattern(pattern), new RegExp(pattern)];
  for (const text of [...texts('abC1.-', 5), 'INV-123', 'INV-1234', 'INV-12345678', '#/:_0']) {
    expect(own?.(text), text).toBe(known.test(text));
  }
});

test.each([
  ...['^(a+)+$', '^[z-a]$', '^\\d{5,2}$', '^a|b$', '^.$', 'a', '^a', '^$', '^[]$', '^a{100}$', ''],
  ...['^a*a*a*a*a*$', '^a**$', '^\\w$', '^[^a]$', '^[a\\]$', '^a$$', '^^a$', '^a\n$'],
  ...[`^${'a'.repeat(200)}$`, `^${'a'.repeat(3_000_000)}!`],
])('the pattern of an id is not supported: %s', (pattern) => {
  expect(compilePattern(pattern)).toBeUndefined();
});

test('a thousand values are compared with an ambiguous pattern', () => {
  const pattern = '^[\\da]{0,40}[\\da]{0,40}[\\da]{0,40}[\\da]{0,40}-$';
  const shape = shapeOf({ type: 'string', pattern });
  if (typeof shape === 'string' || shape.kind !== 'value') throw new Error('it is a value');
  // An earlier version took several milliseconds for each.
  const fitting = finish(() => {
    let fits = 0;
    for (let n = 0; n < 1_000; n += 1) fits += Number(shape.fits('0'.repeat(40)));
    return fits;
  });
  expect(fitting).toBe(0);
});
