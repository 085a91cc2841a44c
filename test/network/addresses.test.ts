import { expect, test } from 'vitest';
import { isConfidential } from '../../src/network/addresses.ts';

test.each([
  ['https://as.example.com/authorize', true],
  ['http://as.example.com/authorize', false],
  ['http://localhost:8080/', true],
  ['http://127.0.0.1/', true],
  ['http://127.8.9.10/', true],
  ['http://[::1]:9/', true],
  ['http://localhost.example.com/', false],
  ['http://127.0.0.1.nip.io/', false],
  ['ftp://localhost/', false],
])('what is sent to %s stays secret: %s', (url, expected) => {
  expect(isConfidential(new URL(url))).toBe(expected);
});
