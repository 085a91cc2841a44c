import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

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

/**
 * Lists every package that an installation of Howdah may bring, by its name in the lock file.
 * Optional peers are not installed with a package, though tools for development may bring them.
 */
export function productionDependencies(): Dependency[] {
  const file = fileURLToPath(new URL('../../package-lock.json', import.meta.url));
  const { packages } = JSON.parse(readFileSync(file, 'utf8')) as {
    packages: Record<string, Locked>;
  };
  const paths = new Set(['']);
  for (const path of paths) {
    for (const name of installedWith(packages[path] as Locked)) {
      const found = resolvePackage(path, name, packages);
      if (found) paths.add(found); // the loop visits what is added
    }
  }
  paths.delete('');
  const found = [...paths].map((path) => {
    const { version, license } = packages[path] as Locked;
    return { name: path.replace(/^.*node_modules\//, ''), version, licence: license ?? 'none' };
  });
  const unique = new Map(found.map((one) => [join(one.name, one.version), one]));
  return [...unique.values()].sort((a, b) => order(a.name, b.name) || order(a.version, b.version));
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
