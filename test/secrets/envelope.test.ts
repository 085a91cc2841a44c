import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  fingerprintOfKey,
  newKey,
  open,
  placeOfKey,
  placeOfSecret,
  seal,
  traitsOf,
} from '../../src/secrets/aead.ts';
import { unwrap, wrap } from '../../src/secrets/data-keys.ts';
import { createMasterKeys } from '../../src/secrets/master-keys.ts';
import { parseSecretKey } from '../../src/settings/secret-key.ts';

const folder = mkdtempSync(join(tmpdir(), 'howdah-secrets-'));
afterAll(() => rmSync(folder, { recursive: true }));

const key = newKey();
const home = { tenant_id: 'acme', id: '1', name: 'openai', version: 1 };
const plain = Buffer.from('sk-canary ☂');

describe('a sealed value', () => {
  test('opens in its own place', () => {
    expect(open(key, placeOfSecret(home), seal(key, placeOfSecret(home), plain))).toEqual(plain);
  });

  test.each([
    ['another tenant', { ...home, tenant_id: 'beta' }],
    ['another row', { ...home, id: '2' }],
    ['another name', { ...home, name: 'groq' }],
    ['an older version', { ...home, version: 2 }],
    ['other names that join to the same text', { ...home, tenant_id: 'acme,1', id: '' }],
  ])('does not open in the place of %s', (_, place) => {
    expect(open(key, placeOfSecret(place), seal(key, placeOfSecret(home), plain))).toBeUndefined();
  });

  test('does not open with another key or as a data key', () => {
    const sealed = seal(key, placeOfSecret(home), plain);
    expect(open(newKey(), placeOfSecret(home), sealed)).toBeUndefined();
    const asKey = placeOfKey({ tenant_id: 'acme', id: '1', wrapped_by: 'openai' });
    expect(open(key, asKey, sealed)).toBeUndefined();
  });

  test('does not open after any single bit is changed', () => {
    const sealed = seal(key, placeOfSecret(home), plain);
    for (const field of ['nonce', 'ciphertext'] as const) {
      const bytes = Buffer.from(sealed[field], 'base64');
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        const other = { ...sealed, [field]: changed.toString('base64') };
        expect(open(key, placeOfSecret(home), other)).toBeUndefined();
      }
    }
  });

  test.each(['', 'AAAA'])('does not open when truncated to %j', (rest) => {
    const sealed = seal(key, placeOfSecret(home), plain);
    expect(open(key, placeOfSecret(home), { ...sealed, ciphertext: rest })).toBeUndefined();
    expect(open(key, placeOfSecret(home), { ...sealed, nonce: rest })).toBeUndefined();
  });

  test('uses a new nonce each time', () => {
    const count = 20_000;
    const nonces = Array.from({ length: count }, () => seal(key, placeOfSecret(home), plain).nonce);
    expect(new Set(nonces).size).toBe(count);
    expect(Buffer.from(nonces[0] ?? '', 'base64')).toHaveLength(12);
  });
});

describe('fingerprint and last four characters of a value', () => {
  test('are equal for equal values of a tenant, and reveal nothing without its key', () => {
    const value = 'sk-0123456789abcdef';
    expect(traitsOf(key, value)).toEqual(traitsOf(key, value));
    expect(traitsOf(newKey(), value).fingerprint).not.toBe(traitsOf(key, value).fingerprint);
    expect(traitsOf(key, `${value}1`).fingerprint).not.toBe(traitsOf(key, value).fingerprint);
  });

  test.each([
    ['sk-0123456789abcdef', 'cdef'],
    ['hunter2', null],
    ['exactly-fifteen', null],
    ['four letters of a word ☂☂', null],
  ])('for %j: last four %j', (value, last_four) => {
    expect(traitsOf(key, value).last_four).toBe(last_four);
  });
});

describe('a data key', () => {
  const master = { key: newKey(), fingerprint: '' };
  const named = { ...master, fingerprint: fingerprintOfKey(master.key) };

  test('opens with the master key that wrapped it, among others', () => {
    const others = createMasterKeys({ keys: [newKey(), master.key], file: undefined });
    const wrapped = wrap('k', 'acme', key, named);
    return expect(others.readKeys().then((masters) => unwrap(wrapped, masters))).resolves.toEqual(
      key,
    );
  });

  test('does not open for another tenant or without its master key', () => {
    const wrapped = wrap('k', 'acme', key, named);
    expect(() => unwrap({ ...wrapped, tenant_id: 'beta' }, [named])).toThrow(/was changed/);
    expect(() => unwrap(wrapped, [])).toThrow(/HOWDAH_SECRET_KEY is not the key/);
  });
});

describe('a master key', () => {
  const bytes = Buffer.alloc(32, 0xfb);
  test.each([
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    bytes.toString('base64'),
    bytes.toString('base64url'),
  ])('is read from %s', (text) => {
    expect(parseSecretKey(text)).toEqual(bytes);
  });

  test.each([
    'correct horse battery staple',
    bytes.toString('hex').slice(1),
    Buffer.alloc(31, 1).toString('base64'),
    Buffer.alloc(33, 1).toString('base64'),
    '',
  ])('is not read from %j', (text) => {
    expect(parseSecretKey(text)).toBeUndefined();
  });

  test('is generated once for concurrent callers, in a file that only its owner can read and git ignores', async () => {
    const file = join(folder, 'home', 'secret.key');
    const processes = Array.from({ length: 8 }, () => createMasterKeys({ keys: [], file }));
    expect(await processes[0]?.readKeys()).toEqual([]);
    const made = await Promise.all(processes.map((keys) => keys.readOrCreateKeys()));
    expect(new Set(made.map(([first]) => first?.fingerprint)).size).toBe(1);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(folder, 'home'))).toEqual(['.gitignore', 'secret.key']);
    expect(await createMasterKeys({ keys: [], file }).readKeys()).toEqual(made[0]);
  });

  test.each([
    ['others may read', `${bytes.toString('base64')}\n`, 0o640, /may be read by others/],
    ['is no key', 'nonsense\n', 0o600, /contains no key/],
  ])('is not taken from a file that %s', async (what, text, mode, words) => {
    const file = join(folder, what);
    writeFileSync(file, text, { mode });
    await expect(createMasterKeys({ keys: [], file }).readKeys()).rejects.toThrow(words);
    await expect(createMasterKeys({ keys: [bytes], file }).readKeys()).resolves.toHaveLength(1);
  });

  test('is not generated without a file to store it', async () => {
    const keys = createMasterKeys({ keys: [], file: undefined });
    await expect(keys.readOrCreateKeys()).rejects.toMatchObject({
      code: 'HWINV',
      detail: { variable: 'HOWDAH_SECRET_KEY' },
    });
  });
});
