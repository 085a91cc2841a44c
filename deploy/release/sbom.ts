import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bundledPackages, productionDependencies } from '../../packaging/licences.ts';
import { PACKAGE_ROOT } from '../../src/package-root.ts';

type Component = { name: string; version: string; group?: string };
type Sbom = {
  metadata: { component: { name: string; version: string } };
  components: (Component & Record<string, unknown>)[];
  dependencies?: unknown;
};

const FILE = 'howdah.cdx.json';

/**
 * Writes the software bill of materials in the format of CycloneDX: the packages that an
 * installation includes, and those whose code is bundled into dist. `npm sbom` lists all packages
 * of the lock file, so the other ones are removed.
 */
export async function writeSbom(out: string): Promise<string[]> {
  const { name, version } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8'));
  const options = ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'];
  const text = execFileSync('npm', options, {
    cwd: PACKAGE_ROOT,
    encoding: 'utf8',
    maxBuffer: 1e8,
  });
  const { dependencies: _, ...sbom } = JSON.parse(text) as Sbom;
  const shipped = [...productionDependencies(), ...(await bundledPackages())];
  const wanted = new Set(shipped.map((one) => `${one.name}@${one.version}`));
  const components = sbom.components.filter((one) => wanted.has(keyOf(one)));
  const found = new Set(components.map(keyOf));
  const missing = [...wanted].filter((key) => !found.has(key));
  if (missing.length > 0) throw new Error(`npm sbom does not list ${missing.join(', ')}`);
  const component = { ...sbom.metadata.component, name, version };
  const complete = { ...sbom, metadata: { ...sbom.metadata, component }, components };
  mkdirSync(resolve(out), { recursive: true });
  writeFileSync(join(resolve(out), FILE), `${JSON.stringify(complete, null, 2)}\n`);
  return [`wrote ${FILE}: ${components.length} packages of ${name} ${version}`];
}

function keyOf({ group, name, version }: Component): string {
  return `${group ? `${group}/` : ''}${name}@${version}`;
}
