import { ENVELOPE_BYTES, type HostileBody } from './bodies.ts';

/** Makes YAML of at most `bytes` that is expensive to read. */
export function* hostileYaml(bytes: number): Generator<HostileBody> {
  const room = bytes - ENVELOPE_BYTES;
  yield { shape: 'aliases of one anchor', text: `a: &a 1\nb:\n${'- *a\n'.repeat(room / 5)}` };
  yield {
    shape: 'anchors',
    text: Array.from({ length: room / 16 }, (_, n) => `k${n}: &a${n} 1`).join('\n'),
  };
  yield {
    shape: 'different keys',
    text: Array.from({ length: room / 10 }, (_, n) => `k${n}:`).join('\n'),
  };
  yield { shape: 'one key many times', text: 'a: 1\n'.repeat(room / 5) };
  yield { shape: 'flow lists deep', text: '['.repeat(room / 2) };
  yield { shape: 'block lists deep', text: '- '.repeat(room / 2) };
  yield {
    shape: 'indented deep',
    text: Array.from({ length: Math.sqrt(2 * room) - 2 }, (_, n) => `${' '.repeat(n)}a:`).join(
      '\n',
    ),
  };
  yield {
    shape: 'doubling aliases',
    text: Array.from(
      { length: 60 },
      (_, n) => `a${n}: &a${n} [${n > 0 ? `*a${n - 1}, *a${n - 1}` : '1'}]`,
    ).join('\n'),
  };
  yield { shape: 'comments', text: '# a\n'.repeat(room / 4) };
  yield { shape: 'open quotes', text: 'a: "b\n'.repeat(room / 6) };
  yield { shape: 'documents', text: '---\n'.repeat(room / 4) };
  yield { shape: 'tags', text: Array.from({ length: room / 20 }, () => '- !!binary x').join('\n') };
  yield { shape: 'merge keys', text: `a: &a {b: 1}\n${'c:\n  <<: *a\n'.repeat(room / 13)}` };
}
