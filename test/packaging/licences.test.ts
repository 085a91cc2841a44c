import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { analyzeBundle } from '../../packaging/bundle-dependencies.ts';
import { BUNDLED } from '../../packaging/bundled.ts';
import { bundledPackages, licencesPage, productionDependencies } from '../../packaging/licences.ts';
import { packagesIn } from '../../packaging/notices.ts';

/**
 * Licences that require only a notice. Python-2.0 is the licence of argparse, a dependency of
 * node-pg-migrate.
 */
const ALLOWED = [
  '(AFL-2.1 OR BSD-3-Clause)', // json-schema, taken under BSD-3-Clause
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  'MIT-0', // postal-mime: asks for no notice
  'Python-2.0',
  'Unlicense', // wouter: in the public domain
];

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('every package installed in production has an allowed licence', () => {
  const dependencies = productionDependencies();
  expect(dependencies.length).toBeGreaterThan(100);
  expect(dependencies.filter(({ licence }) => !ALLOWED.includes(licence))).toEqual([]);
});

test('every package in the bundle has an allowed licence', async () => {
  const bundled = await bundledPackages();
  expect(bundled.map(({ name }) => name)).toEqual(expect.arrayContaining([...BUNDLED, 'grafast']));
  expect(bundled.filter(({ licence }) => !ALLOWED.includes(licence))).toEqual([]);
});

test('there is one graphql, since it is not bundled', async () => {
  const bundled = packagesIn([await analyzeBundle()]).map(({ name }) => name);
  const installed = productionDependencies().map(({ name }) => name);
  expect(bundled.filter((name) => ['graphql', 'pg', 'ws'].includes(name))).toEqual([]);
  expect(installed.filter((name) => name === 'graphql')).toEqual(['graphql']);
});

test('docs/licences.md lists all packages (npm run generate)', async () => {
  const page = licencesPage(productionDependencies(), await bundledPackages());
  expect(read('docs/licences.md')).toBe(page);
});

test('the lock file pins every package by hash and names no registry', () => {
  const { packages } = JSON.parse(read('package-lock.json'));
  const loose = Object.entries<{ integrity?: string; resolved?: string; link?: boolean }>(packages)
    .filter(([path, { integrity, resolved }]) => path !== '' && (!integrity || resolved))
    .map(([path]) => path);
  expect(loose).toEqual([]);
});

test('containers run unprivileged on a read-only file system', () => {
  expect(read('Dockerfile')).toMatch(/^USER 1000:1000$/m);
  const services = read('docker-compose.yml').split(/^ {2}(?=\w+:$)/m);
  const ours = services.filter((service) => service.includes('build: .'));
  expect(ours.map((service) => service.split(':')[0])).toEqual(['migrate', 'api', 'worker']);
  for (const service of ours) expect(service).toContain('<<: *hardened');
  const hardened = services[0] ?? '';
  for (const line of ['read_only: true', 'cap_drop: [ALL]', 'no-new-privileges:true', 'tmpfs:']) {
    expect(hardened).toContain(line);
  }
});
