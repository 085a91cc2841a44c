import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A package that is installed where Howdah runs. */
export type Dependency = { name: string; version: string; licence: string };

type Locked = { version: string; license?: string; dev?: boolean };

/** Lists every package that `npm ci --omit=dev` may install, by its name in the lock file. */
export function productionDependencies(): Dependency[] {
  const file = fileURLToPath(new URL('../../package-lock.json', import.meta.url));
  const { packages } = JSON.parse(readFileSync(file, 'utf8')) as {
    packages: Record<string, Locked>;
  };
  const found = Object.entries(packages).flatMap(([path, { version, license, dev }]) =>
    path === '' || dev
      ? []
      : [{ name: path.replace(/^.*node_modules\//, ''), version, licence: license ?? 'none' }],
  );
  const unique = new Map(found.map((one) => [join(one.name, one.version), one]));
  return [...unique.values()].sort((a, b) => order(a.name, b.name) || order(a.version, b.version));
}

/** Returns the text of docs/licences.md, which `npm run generate` writes. */
export function licencesPage(dependencies: readonly Dependency[]): string {
  const licences = Object.groupBy(dependencies, ({ licence }) => licence);
  const groups = Object.entries(licences).sort(([a], [b]) => order(a, b));
  return [
    '# Licences',
    '',
    `What is installed where Howdah runs: ${dependencies.length} packages, from \`package-lock.json\`. Written by \`npm run generate\`; a test refuses other licences.`,
    '',
    '| licence | packages |',
    '| --- | --- |',
    ...groups.map(
      ([licence, all = []]) =>
        `| ${licence} | ${all.map(({ name, version }) => `${name} ${version}`).join(', ')} |`,
    ),
    '',
  ].join('\n');
}

/** Compares in the same order on every machine, independent of its language. */
function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
