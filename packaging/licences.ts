import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildConsole, buildGraphiql } from './build-pages.ts';
import { analyzeBundle } from './bundle-dependencies.ts';
import { PDFJS } from './copy-pdfjs.ts';
import { compareText, packagesIn } from './notices.ts';

/** A package that is installed where Howdah runs. */
export type Dependency = { name: string; version: string; licence: string };

type Locked = {
  version: string;
  license?: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
};

/** Lists every package that an installation of Howdah may include, by name and version. */
export function productionDependencies(): Dependency[] {
  const packages = lockedPackages();
  const found = productionPaths().map((path) => {
    const { version, license } = packages[path] as Locked;
    return { name: path.replace(/^.*node_modules\//, ''), version, licence: license ?? 'none' };
  });
  const unique = new Map(found.map((one) => [join(one.name, one.version), one]));
  return [...unique.values()].sort(
    (a, b) => compareText(a.name, b.name) || compareText(a.version, b.version),
  );
}

/**
 * Lists the folders of the packages that an installation of Howdah may include, such as
 * `node_modules/pg`. Optional peers are left out, even if development tools install them.
 */
export function productionPaths(): string[] {
  const packages = lockedPackages();
  const paths = new Set(['']);
  for (const path of paths) {
    for (const name of installedWith(packages[path] as Locked)) {
      const found = resolvePackage(path, name, packages);
      if (found) paths.add(found); // the outer loop visits it
    }
  }
  paths.delete('');
  return [...paths];
}

function lockedPackages(): Record<string, Locked> {
  const file = fileURLToPath(new URL('../package-lock.json', import.meta.url));
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}

/** Returns the names of the packages that are installed with a package. */
function installedWith(locked: Locked): string[] {
  const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = locked;
  const peers = Object.keys(peerDependencies ?? {}).filter(
    (name) => !peerDependenciesMeta?.[name]?.optional,
  );
  return [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers];
}

/** Returns the path of a package as Node finds it from another one. */
function resolvePackage(
  from: string,
  name: string,
  packages: Record<string, Locked>,
): string | undefined {
  const levels = from === '' ? [''] : [from, ...parentsOf(from)];
  return levels.map((level) => join(level, 'node_modules', name)).find((path) => path in packages);
}

function parentsOf(path: string): string[] {
  const at = path.lastIndexOf('node_modules/');
  if (at <= 0) return [''];
  const parent = path.slice(0, at - 1);
  return [parent, ...parentsOf(parent)];
}

/** Lists the packages whose code is part of the npm package. */
export async function bundledPackages(): Promise<Dependency[]> {
  const bundles = [
    await analyzeBundle(),
    await buildGraphiql('dist/pages', { write: false }),
    await buildConsole('dist/pages/console', { write: false }),
  ];
  return packagesIn(bundles, [PDFJS]);
}

/** Returns the text of docs/licences.md, which `npm run generate` writes. */
export function licencesPage(
  installed: readonly Dependency[],
  bundled: readonly Dependency[],
): string {
  return [
    '# Licences',
    '',
    `An installation of Howdah has ${installed.length} packages. \`package-lock.json\` has their names and versions. This page is written by \`npm run generate\`; a test rejects other licences.`,
    '',
    ...licenceTable(installed),
    '',
    `The npm package contains code of ${bundled.length} more packages. Their licences are in \`dist/THIRD_PARTY_NOTICES.txt\`.`,
    '',
    ...licenceTable(bundled),
    '',
  ].join('\n');
}

/**
 * Number of packages up to which the page names them for a licence. Longer lists are omitted,
 * because readers look for the rarer licences.
 */
const MAX_NAMES = 20;

function namesOf(packages: readonly Dependency[]): string {
  return [...new Set(packages.map(({ name }) => name))].join(', ');
}

function licenceTable(packages: readonly Dependency[]): string[] {
  const licences = Object.groupBy(packages, ({ licence }) => licence);
  const groups = Object.entries(licences).sort(([a], [b]) => compareText(a, b));
  const rows = groups.map(
    ([licence, all = []]) =>
      `| ${licence} | ${all.length > MAX_NAMES ? `${all.length} packages` : namesOf(all)} |`,
  );
  return ['| licence | packages |', '| --- | --- |', ...rows];
}
