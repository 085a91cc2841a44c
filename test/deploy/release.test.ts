import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { checkRollback } from '../../deploy/release/check-rollback.ts';
import { compareVersions, type VersionedFiles } from '../../deploy/release/check-version.ts';
import { dryRun, jobsInOrder, readWorkflow, reasonFor } from '../../deploy/release/dry-run.ts';
import { checkContents } from '../../deploy/release/pack.ts';
import { writeSbom } from '../../deploy/release/sbom.ts';
import { bundledPackages, productionDependencies } from '../../packaging/licences.ts';

const folder = mkdtempSync(join(tmpdir(), 'howdah-release-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the workflows', () => {
  test('publish only after the gate and all major versions of PostgreSQL', () => {
    const workflow = readWorkflow('release');
    const order = jobsInOrder(workflow);
    for (const needed of ['check', 'test', 'postgres', 'package']) {
      for (const publishing of ['npm', 'image', 'release']) {
        expect(order.indexOf(needed)).toBeLessThan(order.indexOf(publishing));
      }
    }
    const text = readFileSync(
      join(import.meta.dirname, '../../.github/workflows/release.yml'),
      'utf8',
    );
    expect(text).toContain('major: [15, 16, 17, 18]');
    expect(text).toMatch(/npm publish .* --provenance/);
    expect(text).toMatch(/provenance: mode=max\n\s+sbom: true/);
  });

  test.each(['release', 'rollback'])('%s has no step that a dry run does not know', (name) => {
    for (const { steps } of Object.values(readWorkflow(name).jobs)) {
      for (const step of steps) {
        if (!step.run?.startsWith('npm run release -- ')) expect(reasonFor(step)).not.toBe('');
      }
    }
    expect(() => reasonFor({ name: 'x', run: 'curl https://example.com' })).toThrow('the step x');
  });

  test.each(['release', 'rollback'])('%s puts no text of others into a script', (name) => {
    const scripts = Object.values(readWorkflow(name).jobs).flatMap(({ steps }) =>
      steps.flatMap(({ run = '' }) =>
        [...run.matchAll(/\$\{\{ *(\S+) *\}\}/g)].map(([, one]) => one),
      ),
    );
    const safe = ['env.OUT', 'github.sha', 'matrix.major'];
    expect(scripts.filter((one) => !safe.includes(one ?? ''))).toEqual([]);
  });

  test('a dry run passes each step its options, and stops at the first that fails', async () => {
    const lines: string[] = [];
    const calls: unknown[] = [];
    const release = { out: folder, tag: 'v9.9.9' };
    const isDone = await dryRun(
      release,
      async (name, options) => {
        calls.push([name, options]);
        if (name === 'sbom') throw new Error('no network\nsecond line');
        return [`${name} is done`];
      },
      (line) => lines.push(line),
    );
    expect(isDone).toBe(false);
    expect(calls).toEqual([
      ['check-version', { tag: 'v9.9.9', 'allow-unreleased': true }],
      ['pack', { out: folder, 'allow-unreleased': true }],
      ['sbom', { out: folder, 'allow-unreleased': true }],
    ]);
    expect(lines).toContain('           check-version is done');
    expect(lines.slice(-3)).toEqual([
      '  FAILED   Write the SBOM',
      '           no network',
      '           second line',
    ]);
  });
});

describe('check-version', () => {
  const files: VersionedFiles = {
    packageJson: '{"version": "1.2.3"}',
    lockFile: '{"version": "1.2.3"}',
    createHowdah: '{"version": "1.2.3"}',
    template: '{"dependencies": {"howdah": "^1.2.3"}}',
    changelog: '# Changelog\n\n## 1.2.3 (2027-01-31)\n\n- x\n\n## 1.2.2 (2027-01-01)\n',
  };
  const strict = { tag: 'v1.2.3', mayBeUnreleased: false };

  test('accepts a tag that fits all versions and a dated entry', () => {
    expect(compareVersions(files, strict)).toHaveLength(1);
  });

  test.each([
    [
      { packageJson: '{"version": "1.2.4"}' },
      /the tag is v1\.2\.3, and package\.json has .* 1\.2\.4/,
    ],
    [{ lockFile: '{"version": "1.2.2"}' }, /package-lock\.json/],
    [{ createHowdah: '{"version": "1.2.2"}' }, /create-howdah has the version 1\.2\.2/],
    [{ template: '{"dependencies": {"howdah": "^1.2.2"}}' }, /needs howdah \^1\.2\.2/],
    [{ changelog: '## 1.2.2 (2027-01-01)\n' }, /CHANGELOG\.md begins with 1\.2\.2/],
    [{ changelog: '## 1.2.3 (unreleased)\n' }, /no date for 1\.2\.3: \(unreleased\)/],
  ])('rejects %j', (change, fault) => {
    expect(() => compareVersions({ ...files, ...change }, strict)).toThrow(fault);
  });

  test('of a dry run says that the changelog has no date', () => {
    const open = { ...files, changelog: '## 1.2.3 (unreleased)\n' };
    const lines = compareVersions(open, { tag: undefined, mayBeUnreleased: true });
    expect(lines[1]).toContain('a tag would be refused');
  });
});

test('the contents of a package are checked', () => {
  const good = [
    ...['package.json', 'bin/howdah', 'dist/src/index.js', 'dist/src/index.d.ts', 'LICENSE'],
    ...['dist/THIRD_PARTY_NOTICES.txt', 'migrations/0001_roles_and_schemas.sql', 'CHANGELOG.md'],
    'sql/90_grants.sql',
  ];
  checkContents(good);
  expect(() => checkContents(good.slice(1))).toThrow('the package lacks package.json');
  for (const path of [
    '.env',
    '.howdah/secret.key',
    'test/deploy/release.test.ts',
    'dist/a.test.js',
  ]) {
    expect(() => checkContents([...good, path])).toThrow(`must not contain ${path}`);
  }
});

test('the SBOM lists what is installed and what is bundled, and nothing else', async () => {
  await writeSbom(folder);
  const sbom = JSON.parse(readFileSync(join(folder, 'howdah.cdx.json'), 'utf8'));
  expect(sbom).toMatchObject({
    bomFormat: 'CycloneDX',
    metadata: { component: { name: 'howdah' } },
  });
  const names = new Set(
    sbom.components.map((one: { group?: string; name: string }) =>
      one.group ? `${one.group}/${one.name}` : one.name,
    ),
  );
  const shipped = [...productionDependencies(), ...(await bundledPackages())];
  expect(names).toEqual(new Set(shipped.map(({ name }) => name)));
  expect(names).not.toContain('vitest');
});

describe('check-rollback', () => {
  const repository = join(folder, 'repository');
  const git = (...argv: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...argv], {
      cwd: repository,
      stdio: 'pipe',
    });
  const commit = (tag: string, files: Record<string, string>) => {
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(repository, 'migrations', name), text);
    }
    git('add', '.');
    git('commit', '-qm', tag, '--allow-empty');
    git('tag', tag);
  };
  mkdirSync(join(repository, 'migrations'), { recursive: true });
  git('init', '-q');
  commit('v1.0.0', { '0001_a.sql': 'a' });
  commit('v1.1.0', { '0002_b.sql': 'b' });
  for (const tag of ['v1.1.1-rc.1', 'v1.1.1', 'v1.1.10']) commit(tag, {});
  commit('v1.2.0', { '0001_a.sql': 'changed' });
  const check = (from: string, to: string) => checkRollback(from, to, repository);

  test('accepts an earlier version whose migrations are unchanged', () => {
    expect(check('v1.1.0', 'v1.0.0')).toEqual([
      'v1.0.0 has 1 of the 2 migrations of v1.1.0, unchanged',
      'the database keeps 0002_b.sql',
    ]);
    expect(check('v1.1.1', 'v1.1.0')[1]).toBe('both versions have the same migrations');
    expect(check('HEAD', 'HEAD')[1]).toBe('both versions have the same migrations');
  });

  test.each([
    ['v1.1.0', 'v1.1.1'],
    ['v1.1.0', 'v1.1.0'],
    ['v1.1.1', 'v1.1.10'],
    ['v1.1.1-rc.1', 'v1.1.1'],
  ])('rejects the way from %s to %s, which is not earlier', (from, to) => {
    expect(() => check(from, to)).toThrow(`${to} is not earlier than ${from}`);
    if (from !== to) expect(check(to, from)).toHaveLength(2);
  });

  test('rejects a changed migration, a later version and an unknown one', () => {
    expect(() => check('v1.2.0', 'v1.1.0')).toThrow('the migration 0001_a.sql differs');
    expect(() => check('v1.0.0', 'v1.1.0')).toThrow('v1.0.0 lacks the migration 0002_b.sql');
    expect(() => check('v1.0.0', 'v0.1.0')).toThrow('there is no commit v0.1.0');
    expect(() => check('', 'v0.1.0')).toThrow('name both versions');
  });
});
