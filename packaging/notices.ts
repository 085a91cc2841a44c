import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Metafile } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');

/** A package whose code is part of the tarball of Howdah. */
export type BundledPackage = { name: string; version: string; licence: string; folder: string };

/** Lists the packages in bundles, and those in folders that are copied, by name. */
export function packagesIn(
  bundles: readonly Metafile[],
  copied: readonly string[] = [],
): BundledPackage[] {
  const files = bundles.flatMap(({ outputs }) =>
    Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs)),
  );
  const bundled = files.filter((file) => file.includes('node_modules/')).map(folderOf);
  const folders = new Set([...bundled, ...copied]);
  return [...folders]
    .map((folder) => {
      const { name, version, license } = manifestOf(folder);
      return { name, version, licence: license ?? 'none', folder };
    })
    .sort((a, b) => compareText(a.name, b.name) || compareText(a.version, b.version));
}

/** Returns the text of THIRD_PARTY_NOTICES.txt: the licence of each package. */
export function noticesOf(packages: readonly BundledPackage[]): string {
  const intro = 'Howdah contains code of the packages below, each under its own licence.\n';
  return [intro, ...packages.map(noticeOf)].join(`\n${'-'.repeat(80)}\n\n`);
}

/** The folders of a package that have licences: its own, and those of the decoders of PDF.js. */
const PLACES = ['', 'cmaps', 'wasm'];

function filesIn(folder: string, place: string): string[] {
  if (!existsSync(join(folder, place))) return [];
  return readdirSync(join(folder, place)).map((file) => join(place, file));
}

function noticeOf({ name, version, licence, folder }: BundledPackage): string {
  const texts = PLACES.flatMap((place) => filesIn(join(ROOT, folder), place))
    .filter((file) => /^(\w+\/)?(licen[cs]e|copying|notice)(\W|_|$)/i.test(file))
    .sort(compareText)
    .map((file) => readFileSync(join(ROOT, folder, file), 'utf8').trim());
  return [
    `${name} ${version} (${licence})`,
    ...(texts.length > 0 ? texts : [shortNotice(folder)]),
    '',
  ]
    .join('\n\n')
    .trimEnd()
    .concat('\n');
}

/** Returns the notice of a package that has no licence file: its licence and its author. */
function shortNotice(folder: string): string {
  const { author, license } = manifestOf(folder);
  const name = typeof author === 'string' ? author : author?.name;
  return `Published under ${license}${name ? ` by ${name}` : ''}; the package has no licence file.`;
}

type Manifest = {
  name: string;
  version: string;
  license?: string;
  author?: string | { name?: string };
};

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
}

/** Returns the folder of the package that a file belongs to. */
function folderOf(file: string): string {
  const [folder] = /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(file) ?? [];
  return folder ?? dirname(file);
}

/** Compares texts by code units, independent of the language of the machine. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
