import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { packHowdah } from '../../packaging/pack-howdah.ts';
import { PACKAGE_ROOT } from '../../src/package-root.ts';

/** Files without which an installation does not work, or may not be distributed. */
const REQUIRED = [
  'package.json',
  'bin/howdah',
  'dist/src/index.js',
  'dist/src/index.d.ts',
  'dist/THIRD_PARTY_NOTICES.txt',
  'migrations/0001_roles_and_schemas.sql',
  'sql/90_grants.sql',
  'LICENSE',
  'CHANGELOG.md',
];
/** Files that must not be published. */
const FORBIDDEN =
  /(^|\/)(\.env|\.howdah|secret\.key|\.git|node_modules)(\/|$)|^(test|\.github)\/|\.test\.(ts|js)$|\.tgz$/;

/** Packs both npm packages, and writes their contents and checksums beside them. */
export async function packAll(out: string): Promise<string[]> {
  const folder = resolve(out);
  mkdirSync(folder, { recursive: true });
  const howdah = await packHowdah(folder);
  const created = packIn(join(PACKAGE_ROOT, 'packaging/create-howdah'), folder);
  const files = contentsOf(howdah);
  checkContents(files);
  writeFileSync(join(folder, 'contents.txt'), `${files.join('\n')}\n`);
  const sums = [howdah, created].map((path) => `${sha256(path)}  ${basename(path)}`);
  writeFileSync(join(folder, 'SHA256SUMS'), `${sums.join('\n')}\n`);
  return [`packed ${basename(howdah)} (${files.length} files) and ${basename(created)}`, ...sums];
}

/** Throws if a package lacks a required file, or has a file that must not be published. */
export function checkContents(files: readonly string[]): void {
  const missing = REQUIRED.filter((path) => !files.includes(path));
  const forbidden = files.filter((path) => FORBIDDEN.test(path));
  const faults = [
    ...missing.map((path) => `the package lacks ${path}`),
    ...forbidden.map((path) => `the package must not contain ${path}`),
  ];
  if (faults.length > 0) throw new Error(faults.join('\n'));
}

function packIn(source: string, folder: string): string {
  const options = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const text = execFileSync('npm', options, { cwd: source, encoding: 'utf8' });
  const packed = Object.values(JSON.parse(text) as Record<string, { filename: string }>);
  return join(folder, packed[0]?.filename ?? '');
}

/** Lists the files of a tarball of npm, without its folder `package`. */
function contentsOf(tarball: string): string[] {
  const text = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8', maxBuffer: 1e8 });
  const paths = text.split('\n').map((line) => line.replace(/^package\//, ''));
  return paths.filter((path) => path !== '' && !path.endsWith('/')).sort();
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
