import { expect, test } from 'vitest';
import { sentence } from '../../../src/providers/http/redact.ts';
import { finish } from '../../support/work/finish.ts';

test.each([
  ['Too many requests', 'Too many requests.'],
  [
    '<html><head><style>a { b: "c" }</style></head><h1>502 Bad Gateway</h1></html>',
    '502 Bad Gateway.',
  ],
  ['<SCRIPT src="x">alert(1)</Script>no<script>2</script> way!', 'no way!'],
  ['a <style>never closed', 'a never closed.'],
  ['closed</style> twice</script> here', 'closed twice here.'],
  ['1 < 2 and <b>3</b> > 2', '1 < 2 and 3 > 2.'],
  ['<style>', ''],
])('turns a server message into a sentence: %s', (said, expected) => {
  expect(sentence(said, null)).toBe(expected);
});

test('processing a server message takes linear time', () => {
  const parts = ['<', '<a ', '<style', '</style', '<style>', '<style></script>', '</style>', 'sk-'];
  for (const part of [...parts, 'Bearer ', ' ', '&', '\\', '\u0000', 'abcdefgh', 'a.']) {
    const text = part.repeat(Math.ceil(200_000 / part.length));
    // An earlier version took a minute for half as many `<`.
    expect(finish(() => sentence(text, 'abcdefgh')).length).toBeLessThanOrEqual(400);
  }
});
