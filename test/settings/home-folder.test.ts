import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { findHome, ignoreInGit } from '../../src/settings/home-folder.ts';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'howdah-homes-')));
const at = (...names: string[]) => join(root, ...names);
const user = at('user');
const ofUser = { home: at('user', '.howdah'), isOfUser: true };

beforeAll(() => {
  for (const folder of [
    'user/app/src/deep',
    'user/bare/sub',
    'user/flow',
    'user/old/.howdah',
    'srv',
  ]) {
    mkdirSync(at(folder), { recursive: true });
  }
  writeFileSync(at('user/app/package.json'), '{}');
  writeFileSync(at('user/flow/howdah.yaml'), '');
  writeFileSync(at('user/package.json'), '{}');
  mkdirSync(at('user/app/src/.howdah'));
});
afterAll(() => rmSync(root, { recursive: true }));

describe('the home of a process', () => {
  test.each([
    ['user/app', 'user/app/.howdah', 'a folder with package.json'],
    ['user/app/src/deep', 'user/app/.howdah', 'a folder below a project'],
    ['user/app/src', 'user/app/src/.howdah', 'a folder that already has one'],
    ['user/flow', 'user/flow/.howdah', 'a folder with a howdah.* file'],
    ['user/old', 'user/old/.howdah', 'a folder that has one and no project'],
  ])('in %s is %s: %s', (folder, home) => {
    expect(findHome(at(folder), user)).toEqual({ home: at(home), isOfUser: false });
  });

  test.each(['user', 'user/bare', 'user/bare/sub', 'srv'])(
    'in %s is that of the user',
    (folder) => {
      expect(findHome(at(folder), user)).toEqual(ofUser);
    },
  );

  test('is HOWDAH_HOME where it is set', () => {
    const HOWDAH_HOME = at('elsewhere');
    const config = readConfig({ HOME: user, HOWDAH_HOME }, at('user/app'));
    expect(config).toMatchObject({ home: HOWDAH_HOME, isHomeOfUser: false });
  });

  test('holds the keys and files of the project', () => {
    expect(readConfig({ HOME: user }, at('user/app'))).toMatchObject({
      ...{ home: at('user/app/.howdah'), isHomeOfUser: false },
      resourceFolder: at('user/app/.howdah/resources'),
      secretKeyFile: at('user/app/.howdah/secret.key'),
    });
    expect(readConfig({ HOME: user }, at('srv'))).toMatchObject({ isHomeOfUser: true });
  });
});

test('a .gitignore covers the folder, and one that is there is kept', () => {
  const file = at('user/old/.howdah/.gitignore');
  ignoreInGit(at('user/old/.howdah'));
  expect(readFileSync(file, 'utf8')).toBe('*\n');
  writeFileSync(file, '!kept\n');
  ignoreInGit(at('user/old/.howdah'));
  expect(readFileSync(file, 'utf8')).toBe('!kept\n');
});
