import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findPrograms } from '../../../src/db/backup/find-pg-programs.ts';

// The programs of these tests only print their version. Their major versions do not exist, so that
// programs of this machine are never selected.

describe.skipIf(process.platform === 'win32')('the client programs of PostgreSQL', () => {
  let root: string;
  const folder = (name: string) => join(root, name);
  const need = (atLeast: number) => ({
    ...{ programs: ['pg_dump'] as const, atLeast, of: 'this server' },
  });

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'howdah-programs-'));
    for (const version of ['96.4', '98.1', '97devel', 'broken']) {
      mkdirSync(folder(version));
      const says =
        version === 'broken' ? 'exit 1' : `echo "pg_dump (PostgreSQL) ${version} (Debian 1)"`;
      writeFileSync(join(folder(version), 'pg_dump'), `#!/bin/sh\n${says}\n`, { mode: 0o755 });
    }
    mkdirSync(folder('empty'));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const path = () => ['empty', 'broken', '98.1', '97devel', '96.4'].map(folder);

  test('are those of the requested major version, else of the next newer one', async () => {
    const places = { pgBin: undefined, path: path() };
    expect(await findPrograms(places, need(96))).toEqual({
      ...{ folder: folder('96.4'), major: 96, version: '96.4' },
    });
    expect(await findPrograms(places, need(97))).toMatchObject({ version: '97devel' });
    expect(await findPrograms(places, need(95))).toMatchObject({ major: 96 });
  });

  test('are rejected when all are older, with the versions and the fix', async () => {
    await expect(findPrograms({ pgBin: undefined, path: path() }, need(99))).rejects.toMatchObject({
      code: 'EPOSTGRES',
      message: `this server is PostgreSQL 99, and the newest pg_dump found is 98.1 (${folder('98.1')})`,
      hint: expect.stringMatching(/client programs of PostgreSQL 99 or newer .* --pg-bin FOLDER/),
    });
  });

  test('are those of the named folder only', async () => {
    const named = (name: string) => findPrograms({ pgBin: folder(name), path: path() }, need(97));
    await expect(named('96.4')).rejects.toMatchObject({
      message: `this server is PostgreSQL 97, and the pg_dump there is 96.4 (${folder('96.4')})`,
    });
    for (const name of ['empty', 'broken']) {
      await expect(named(name)).rejects.toMatchObject({
        message: `pg_dump of PostgreSQL 97 is needed, and not in ${folder(name)}`,
      });
    }
  });
});
