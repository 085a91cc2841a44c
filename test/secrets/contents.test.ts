import { randomBytes, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SecretRows, WrappedKey } from '../../src/contracts/secret.ts';
import { parseJson } from '../../src/json/parse-json.ts';
import { newKey, seal } from '../../src/secrets/aead.ts';
import {
  contentKey,
  createContentCipher,
  createContentDecryptor,
  type DecryptContents,
  encryptJson,
  encryptText,
  type MayDecrypt,
} from '../../src/secrets/contents.ts';
import { wrap } from '../../src/secrets/data-keys.ts';
import { isEncrypted } from '../../src/secrets/encrypted-values.ts';
import { createMasterKeys } from '../../src/secrets/master-keys.ts';

const TENANT = randomUUID();
const RUN = randomUUID();
const OTHER_RUN = randomUUID();
const masterKeys = createMasterKeys({ keys: [newKey()], file: undefined });
const [master] = await masterKeys.readKeys();
if (!master) throw new Error('there is no master key');

const dataKey = newKey();
const wrapped = wrap(randomUUID(), TENANT, dataKey, master);
const key = contentKey(wrapped, dataKey);
/** A data key that was rotated or belongs to another tenant. */
const otherDataKey = newKey();
const otherWrapped = wrap(randomUUID(), randomUUID(), otherDataKey, master);
const otherKey = contentKey(otherWrapped, otherDataKey);

/** Returns rows with these data keys, and the number of look-ups. */
function rowsWith(...known: WrappedKey[]): { rows: SecretRows; reads: () => number } {
  let reads = 0;
  const keys = async (ids: readonly string[]) => {
    reads += 1;
    return known.filter(({ id }) => ids.includes(id));
  };
  return { rows: { keys } as unknown as SecretRows, reads: () => reads };
}

const { rows } = rowsWith(wrapped, otherWrapped);
const decrypt = createContentDecryptor(rows, masterKeys);
const mayAll: MayDecrypt = async (texts) => new Set(texts.map(({ text }) => text));
const mayRead =
  (run: string): MayDecrypt =>
  async (texts) =>
    new Set(texts.filter(({ executionId }) => executionId === run).map(({ text }) => text));
const at = (execution_id: string) => ({
  execution_id,
  relation: 'steps',
  row: 1,
  column: 'output',
});
const opened = <T>(value: T, by: DecryptContents = decrypt) => by(value, mayAll);
const text = (plain: string, run = RUN) => encryptText(key, at(run), plain);
const json = (plain: string, run = RUN) => encryptJson(key, at(run), plain);

/** Generates any text that PostgreSQL can store. */
const storedText = fc.string({ unit: 'binary' }).map((one) => one.replaceAll('\0', ''));

describe('a text', () => {
  test('decrypts to itself', async () => {
    await fc.assert(
      fc.asyncProperty(storedText, async (plain) => {
        expect(await opened(text(plain))).toBe(plain);
      }),
    );
  });

  test.each([
    ['empty', ''],
    ['null', 'null'],
    ['JSON', '{"sealed": "x"}'],
    ['emoji', '👩‍👩‍👧 \u{1F1E9}\u{1F1EA}'],
    ['a megabyte', 'Zürich '.repeat(150_000)],
    ['an encrypted text', text('typed by a person')],
  ])('decrypts to itself: %s', async (_, plain) => {
    expect(await opened(text(plain))).toBe(plain);
  });

  test('within other texts is decrypted too', async () => {
    const composed = `Undo ${text('the call')}, then ${text('the rest')}.`;
    expect(await opened(composed)).toBe('Undo the call, then the rest.');
  });

  test('is compressed only if it gets shorter', () => {
    expect(text('a'.repeat(100_000)).length).toBeLessThan(2_000);
    const noise = Array.from({ length: 600 }, () => randomUUID()).join('');
    expect(text(noise).length).toBeLessThan(noise.length * 1.4);
  });
});

describe('a JSON value', () => {
  test('decrypts to the same value, and as JSON text to the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        const plain = JSON.stringify(value);
        const encrypted = json(plain);
        expect(await opened(encrypted)).toBe(plain);
        expect(await opened(JSON.parse(encrypted))).toEqual(parseJson(plain));
        expect(await opened([{ steps: [JSON.parse(encrypted)], more: encrypted }])).toEqual([
          { steps: [parseJson(plain)], more: plain },
        ]);
      }),
    );
  });

  test.each([
    '{"n": 12345678901234567890.12345678901234567890, "m": 1.50, "e": 1E+400}',
    '[0.1000000000000000055511151231257827, -0]',
    '[]',
    '{}',
    '"text"',
    '123456789012345678901234567890',
    '[{"sealed_list": "no"}]',
    '{"__proto__": {"a": 1}, "sealed": [1]}',
  ])('keeps every byte as JSON text: %s', async (plain) => {
    expect(await opened(json(plain))).toBe(plain);
  });

  test('keeps the digits of all numbers in a document of SQL', async () => {
    const input = '{"n": 12345678901234567890.10}';
    const row = `{"cost": 0.00000000012345678901, "price": 1.50, "input": ${json(input)}, "content": "${text('Hi "you"')}"}`;
    const plain = await opened(row);
    expect(plain).toBe(
      '{"cost":0.00000000012345678901,"price":1.50,"input":{"n":12345678901234567890.10},"content":"Hi \\"you\\""}',
    );
  });

  test('stays in lines if the document was written for people', async () => {
    const row = `{\n    "input": ${json('{"a": 1}')}\n}`;
    expect(await opened(row)).toBe('{\n    "input": {\n        "a": 1\n    }\n}');
  });

  test('shows its visible fields beside the ciphertext', async () => {
    const encrypted = encryptJson(key, at(RUN), '{"usage": 7, "text": "a"}', { usage: 7 });
    expect(JSON.parse(encrypted)).toMatchObject({ usage: 7 });
    expect(await opened(JSON.parse(encrypted))).toEqual({ usage: 7, text: 'a' });
  });

  test('uses the user named beside the ciphertext, for example after an erasure', async () => {
    const plain = '{"by":"ada","n":1.50,"at":12345678901234567890}';
    const encrypted = JSON.parse(encryptJson(key, at(RUN), plain, { by: 'ada' }));
    const renamed = JSON.stringify({ ...encrypted, by: 'erased-1' });
    expect(await opened(JSON.stringify(encrypted))).toBe(plain);
    expect(await opened(renamed)).toBe(plain.replace('ada', 'erased-1'));
  });

  test('an array is stored as an array', () => {
    expect(JSON.parse(json('[1, 2]'))).toEqual([{ sealed_list: expect.any(String) }]);
  });
});

describe('other values', () => {
  const date = new Date();
  test.each([
    ['nothing encrypted', { a: [1, 'two', null], b: { c: true } }],
    ['a date and bytes', { date, bytes: Buffer.from('howdah.sealed.v1.') }],
    ['the prefix alone', { a: 'howdah.sealed.v1.' }],
    ['JSON with the prefix', { a: '{"b": "howdah.sealed.v1.x"}' }],
    ['broken JSON with the prefix', { a: '{"b": howdah.sealed.v1.' }],
  ])('stay the same object: %s', async (_, value) => {
    const never = async () => {
      throw new Error('nobody is asked');
    };
    expect(await decrypt(value, never)).toBe(value);
  });

  test('keep dates beside encrypted contents', async () => {
    expect(await opened({ date, text: text('a') })).toEqual({ date, text: 'a' });
  });

  test('nest as deep as people like', async () => {
    let deep: unknown = text('a');
    for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
    expect(await opened(deep)).toBe(deep);
  });
});

describe('what a reader may not see stays encrypted', () => {
  const onlyOther = mayRead(OTHER_RUN);

  test('contents of other runs', async () => {
    const value = { mine: text('mine', OTHER_RUN), theirs: text('theirs') };
    expect(await decrypt(value, onlyOther)).toEqual({ mine: 'mine', theirs: value.theirs });
  });

  test('contents under the id of another run', async () => {
    const forged = text('theirs').replace(RUN, OTHER_RUN);
    expect(await decrypt(forged, onlyOther)).toBe(forged);
  });

  test('contents under the name of another place of their run', async () => {
    const encrypted = text('theirs');
    expect(encrypted).toMatch(/^howdah\.sealed\.v2\./);
    for (const place of ['steps~2~output', 'steps~1~input', 'messages~1~output']) {
      const forged = encrypted.replace('steps~1~output', place);
      expect(forged).not.toBe(encrypted);
      expect(await opened(forged)).toBe(forged);
    }
    const without = encrypted.replace('.v2.', '.v1.').replace('steps~1~output.', '');
    expect(await opened(without)).toBe(without);
  });

  test('contents under the key of another tenant', async () => {
    const forged = text('theirs').replace(key.id, otherKey.id);
    expect(await opened(forged)).toBe(forged);
  });

  test('contents with a changed bit, wherever it is', async () => {
    const encrypted = text('The agreed price is 100.');
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: encrypted.length - 1 }), async (at) => {
        const other = encrypted[at] === 'A' ? 'B' : 'A';
        const changed = encrypted.slice(0, at) + other + encrypted.slice(at + 1);
        const same = Buffer.from(encrypted.split('.').at(-1) ?? '', 'base64url');
        const bytes = Buffer.from(changed.split('.').at(-1) ?? '', 'base64url');
        if (at > encrypted.lastIndexOf('.') && bytes.equals(same)) return; // unused bits of base64
        expect(await opened(changed)).toBe(changed);
      }),
    );
  });

  test('plain text in a field of JSON', async () => {
    const forged = { metadata: { sealed: text('no JSON') } };
    expect(await opened(forged)).toEqual({ metadata: { sealed: 'no JSON' } });
    const list = [{ sealed_list: text('no JSON') }];
    expect(await opened(list)).toEqual([{ sealed_list: 'no JSON' }]);
  });

  test('contents whose data key was deleted', async () => {
    const without = createContentDecryptor(rowsWith().rows, masterKeys);
    expect(await opened(text('lost'), without)).toMatch(/^howdah\.sealed/);
  });

  test('contents for a process without the master key', async () => {
    const others = createMasterKeys({ keys: [newKey()], file: undefined });
    const encrypted = text('a');
    expect(await opened(encrypted, createContentDecryptor(rows, others))).toBe(encrypted);
    const { decrypt: strictly } = createContentCipher(rows, others);
    await expect(opened(encrypted, strictly)).rejects.toMatchObject({ code: 'HWINV' });
  });
});

test('contents of any size are decrypted', async () => {
  const plain = randomBytes(6_000_000).toString('base64');
  const encrypted = text(plain);
  expect(isEncrypted(encrypted)).toBe(true);
  expect((await opened({ input: encrypted })).input === plain).toBe(true);
  expect((await opened(`So: ${encrypted}.`)) === `So: ${plain}.`).toBe(true);
  const document = JSON.stringify([plain]);
  expect((await opened(json(document))) === document).toBe(true);
});

describe('a short text that names a megabyte many times', () => {
  const bomb = text('a'.repeat(1_000_000));

  test.each([
    ['in a text', `${bomb} `.repeat(500)],
    ['in JSON', JSON.stringify(Array.from({ length: 500 }, () => bomb))],
    ['in rows', Array.from({ length: 500 }, () => ({ input: bomb }))],
  ])('stays as it is: %s', async (_, value) => {
    const shown = await opened(value);
    expect(JSON.stringify(shown).length).toBe(JSON.stringify(value).length);
  });

  test('is charged for each time', async () => {
    let charged = 0;
    const shown = await decrypt([bomb, bomb, `${bomb} ${bomb}`], mayAll, (bytes) => {
      charged += bytes;
    });
    expect(charged).toBe(4_000_000);
    expect(shown[0]).toHaveLength(1_000_000);
  });
});

test('contents that stay encrypted may be replaced for people', async () => {
  const shown = createContentDecryptor(rows, masterKeys, {
    replaceUnreadable: () => '[encrypted]',
  });
  const value = { a: text('a'), b: text('b', OTHER_RUN), c: JSON.parse(json('[1]', OTHER_RUN)) };
  expect(await shown(value, mayRead(RUN))).toEqual({
    a: 'a',
    b: '[encrypted]',
    c: [{ sealed_list: '[encrypted]' }],
  });
});

test('many values need one read of their data key, and one call of the reader each', async () => {
  const { rows: counted, reads } = rowsWith(wrapped);
  const own = createContentDecryptor(counted, masterKeys);
  const asked: string[][] = [];
  const may: MayDecrypt = async (texts) => {
    asked.push(texts.map(({ executionId }) => executionId).toSorted());
    return mayAll(texts);
  };
  await own([text('a'), text('b'), text('c', OTHER_RUN)], may);
  await own(text('d'), may);
  expect(reads()).toBe(1);
  expect(asked).toEqual([[RUN, RUN, OTHER_RUN].toSorted(), [RUN]]);
});

test.each([
  [text('a'), true],
  [json('{"a": 1}'), true],
  [json('[1]'), true],
  [JSON.parse(json('{"a": 1}')), true],
  [JSON.parse(json('[1]')), true],
  [`see ${text('a')}`, false],
  [{ other: text('a') }, false],
  ['', false],
  [null, false],
  [7, false],
  ['{"sealed": "howdah.sealed.v1.x"}', false],
])('a value as a whole is encrypted or not (%#)', (value, expected) => {
  expect(isEncrypted(value)).toBe(expected);
});

test('texts of version 1, which names no place, are still read', async () => {
  const plain = Buffer.concat([Buffer.of(0), Buffer.from('from before')]);
  const { nonce, ciphertext } = seal(dataKey as never, ['howdah.content', TENANT, RUN], plain);
  const url = (base64: string) => Buffer.from(base64, 'base64').toString('base64url');
  const old = `howdah.sealed.v1.${key.id}.${RUN}.${url(nonce)}.${url(ciphertext)}`;
  expect(isEncrypted(old)).toBe(true);
  expect(await opened(old)).toBe('from before');
  expect(await opened(`${old} and ${text('now')}`)).toBe('from before and now');
  const asked: unknown[] = [];
  await decrypt(old, async (texts) => {
    asked.push(...texts.map(({ place }) => place));
    return new Set();
  });
  expect(asked).toEqual([undefined]);
});
