import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HowdahError } from '../../contracts/errors.ts';
import type { SystemFile } from '../../systems/apply.ts';
import { TEXT_FIELDS } from '../../systems/pack.ts';
import { nearestTo } from '../../systems/schema/schema-errors.ts';
import { readUtf8File } from '../input/utf8-text.ts';

const MANIFEST = /^pack\.(ya?ml|json)$/;
/** The ending of the files in each folder of a pack. */
const FOLDERS: Readonly<Record<string, string>> = {
  functions: '.sql',
  ...Object.fromEntries(Object.keys(TEXT_FIELDS).map((section) => [section, '.md'])),
};

/**
 * Reads the pack in a folder: `pack.yaml` and the files beside it. Throws `EUSAGE` if the folder is
 * not a pack.
 */
export async function readPackFolder(folder: string): Promise<SystemFile> {
  const entries = await readdir(folder, { withFileTypes: true });
  const manifests = entries.filter(({ name }) => MANIFEST.test(name)).map(({ name }) => name);
  const [manifest] = manifests;
  if (manifest === undefined || manifests.length > 1) throw noManifest(folder, manifests);
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
  const read = folders.map(({ name }) => namesIn(folder, name));
  const paths = (await Promise.all(read)).flat();
  const textAt = (path: string) => readUtf8File(join(folder, path));
  const readPart = async (path: string) => ({
    name: join(folder, path),
    path,
    text: await textAt(path),
  });
  const [text, parts] = await Promise.all([textAt(manifest), Promise.all(paths.map(readPart))]);
  return { name: join(folder, manifest), text, parts };
}

async function namesIn(folder: string, name: string): Promise<string[]> {
  const ending = FOLDERS[name];
  if (ending === undefined) {
    const nearest = nearestTo(name, Object.keys(FOLDERS));
    const meant = nearest ? `, did you mean ${nearest}?` : '';
    throw new HowdahError('EUSAGE', `${join(folder, name)}: a pack has no folder ${name}${meant}`, {
      hint: `Folders of a pack: ${Object.keys(FOLDERS).join(', ')}.`,
      detail: { folder: join(folder, name) },
    });
  }
  const names = (await readdir(join(folder, name)))
    .filter((one) => !one.startsWith('.'))
    .toSorted();
  const strange = names.find((one) => !one.endsWith(ending));
  if (strange !== undefined) {
    const path = join(folder, name, strange);
    throw new HowdahError(
      'EUSAGE',
      `${path}: the folder ${name} of a pack may contain only files that end in ${ending}`,
      {
        hint: 'Move the file out of the pack, or rename it.',
        detail: { file: path },
      },
    );
  }
  return names.map((one) => `${name}/${one}`);
}

function noManifest(folder: string, manifests: readonly string[]): HowdahError {
  if (manifests.length > 1) {
    return new HowdahError(
      'EUSAGE',
      `${folder} contains both ${manifests.join(' and ')}; a pack needs exactly one`,
    );
  }
  return new HowdahError('EUSAGE', `the folder ${folder} has no pack.yaml`, {
    hint: `A pack is a folder with a pack.yaml. For other folders, name the files: ${folder.replace(/\/+$/, '')}/*.yaml`,
    detail: { file: folder },
  });
}
