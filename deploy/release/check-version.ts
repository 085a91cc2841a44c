import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../src/package-root.ts';

/** The texts that name the version of a release. */
export type VersionedFiles = {
  packageJson: string;
  lockFile: string;
  createHowdah: string;
  /** The manifest of the app that create-howdah writes. */
  template: string;
  changelog: string;
};

type Wanted = { tag: string | undefined; mayBeUnreleased: boolean };

/** Compares the tag with all versions of the checkout, and with the changelog. */
export function checkVersion(wanted: Wanted): string[] {
  return compareVersions(readVersionedFiles(), wanted);
}

/**
 * Throws one error with all differences. An entry of the changelog without a date is a difference,
 * unless `mayBeUnreleased` is set for a rehearsal.
 */
export function compareVersions(files: VersionedFiles, { tag, mayBeUnreleased }: Wanted): string[] {
  const { version } = JSON.parse(files.packageJson);
  const created = JSON.parse(files.createHowdah).version;
  const range = JSON.parse(files.template).dependencies?.howdah;
  const heading = files.changelog.match(/^## (\S+) \((.+)\)$/m);
  const isDated = /^\d{4}-\d{2}-\d{2}$/.test(heading?.[2] ?? '');
  const faults = [
    tag !== undefined && tag !== `v${version}`
      ? `the tag is ${tag}, and package.json has the version ${version}`
      : '',
    JSON.parse(files.lockFile).version === version
      ? ''
      : 'package-lock.json has another version: npm install --package-lock-only',
    created === version ? '' : `create-howdah has the version ${created}, not ${version}`,
    range === `^${version}` ? '' : `the template of create-howdah needs howdah ${range}`,
    heading?.[1] === version ? '' : `CHANGELOG.md begins with ${heading?.[1]}, not ${version}`,
    isDated || mayBeUnreleased ? '' : `CHANGELOG.md has no date for ${version}: (${heading?.[2]})`,
  ].filter((fault) => fault !== '');
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return [
    `version ${version}: package.json, package-lock.json, create-howdah and CHANGELOG.md agree`,
    ...(isDated ? [] : [`CHANGELOG.md still says (${heading?.[2]}): a tag would be refused`]),
  ];
}

function readVersionedFiles(): VersionedFiles {
  const read = (path: string) => readFileSync(join(PACKAGE_ROOT, path), 'utf8');
  return {
    packageJson: read('package.json'),
    lockFile: read('package-lock.json'),
    createHowdah: read('packaging/create-howdah/package.json'),
    template: read('packaging/create-howdah/template/package.json'),
    changelog: read('CHANGELOG.md'),
  };
}
