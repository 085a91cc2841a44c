import { readFileSync, realpathSync, statSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { HowdahError } from '../../contracts/errors.ts';
import type { Project, ProjectSource, SourceKind } from '../../systems/fast-agent/project.ts';
import { definesAgents } from '../../systems/fast-agent/project.ts';
import { MAX_SYSTEM_FILE_BYTES } from '../../systems/read-file.ts';
import { readUtf8File, utf8Text } from '../input/utf8-text.ts';

const OWN_FOLDER = '.fast-agent';
const CONFIG = ['fastagent.config.yaml', 'fast-agent.yaml'];
const SECRETS = ['fastagent.secrets.yaml', 'fast-agent.secrets.yaml'];
const CARD = /\.(md|markdown|ya?ml)$/i;
/**
 * The files that an instruction may not include. Instructions include texts, and these are not
 * texts.
 */
const NO_TEXT = /(^|[/\\])(\.env[^/\\]*|[^/\\]*secrets?\.ya?ml)$/i;

/**
 * Reads the files of the fast-agent project in this folder, or of one card. Throws `HWNTF`,
 * `HWINV`.
 */
export async function readFastAgentProject(path: string, name?: string): Promise<Project> {
  const isFolder = await isFolderAt(path);
  const isCard = !isFolder && !CONFIG.includes(basename(path));
  const root = isFolder ? rootOf(path) : dirname(path);
  const files = isCard ? [await sourceAt('card', path)] : await filesOf(root);
  if (files.length === 0) throw nothingThere(path);
  const folder = isCard ? path.replace(/\.[^./\\]*$/, '') : root;
  return {
    name: name ?? (basename(resolve(folder)) || 'fast-agent'),
    files,
    include: includeFrom(root),
  };
}

async function isFolderAt(path: string): Promise<boolean> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'there is no such file or folder' : cause.message;
    throw new HowdahError('HWNTF', `cannot read ${path}: ${why}`, {
      hint: 'Name the folder of a fast-agent project or of its agent cards, or one card.',
      detail: { path },
      cause,
    });
  });
  return found.isDirectory();
}

/**
 * Returns the folder of the project. The folder `.fast-agent` and the folders in it also stand for
 * their project.
 */
function rootOf(path: string): string {
  if (basename(resolve(path)) === OWN_FOLDER) return join(path, '..');
  return basename(resolve(path, '..')) === OWN_FOLDER ? join(path, '..', '..') : path;
}

async function filesOf(root: string): Promise<ProjectSource[]> {
  const own = await namesIn(root);
  const below = await namesIn(join(root, OWN_FOLDER));
  const beside = (kind: SourceKind, wanted: readonly string[]) =>
    [
      ...own.map((name) => ({ name, path: join(root, name) })),
      ...below.map((name) => ({ name, path: join(root, OWN_FOLDER, name) })),
    ]
      .filter(({ name }) => wanted.includes(name))
      .map(({ path }) => sourceAt(kind, path));
  const settings = await Promise.all([...beside('config', CONFIG), ...beside('secrets', SECRETS)]);
  const folders = await cardFolders(root);
  const cards = folders.length > 0 ? folders : await looseCards(root, own);
  return [...settings, ...cards, ...(await pythonFiles(root, own))];
}

async function cardFolders(root: string): Promise<ProjectSource[]> {
  const folders = [join(root, OWN_FOLDER), root].flatMap((parent) => [
    { kind: 'card' as const, folder: join(parent, 'agent-cards') },
    { kind: 'tool-card' as const, folder: join(parent, 'tool-cards') },
  ]);
  const read = folders.map(async ({ kind, folder }) => {
    const names = (await namesIn(folder)).filter((name) => CARD.test(name));
    return Promise.all(names.map((name) => sourceAt(kind, join(folder, name))));
  });
  return (await Promise.all(read)).flat();
}

/**
 * Reads the cards among other files, because cards may be in any folder. Files that do not look
 * like a card are skipped.
 */
async function looseCards(root: string, names: readonly string[]): Promise<ProjectSource[]> {
  const wanted = names.filter(
    (name) => CARD.test(name) && ![...CONFIG, ...SECRETS, 'SKILL.md'].includes(name),
  );
  const read = await Promise.all(wanted.map((name) => sourceAt('card', join(root, name))));
  return read.filter(({ name, text }) => looksLikeCard(name, text));
}

const KEYS_OF_CARDS =
  /^(type|name|instruction|description|model|agents|servers|default|function_tools)[ \t]*:/m;

function looksLikeCard(name: string, text: string): boolean {
  if (/\.ya?ml$/i.test(name)) return /^(type|instruction)[ \t]*:/m.test(text);
  const [before, front = ''] = text.split(/^---[ \t\r]*$/m);
  return before?.trim() === '' && KEYS_OF_CARDS.test(front);
}

async function pythonFiles(root: string, names: readonly string[]): Promise<ProjectSource[]> {
  const read = names
    .filter((name) => name.endsWith('.py'))
    .map(async (name): Promise<ProjectSource[]> => {
      const path = join(root, name);
      const bytes = await readFile(path);
      if (!definesAgents(bytes.toString())) return [];
      return [{ kind: 'python', name: path, text: utf8Text(bytes, path) }];
    });
  return (await Promise.all(read)).flat();
}

/** Returns the sorted names of the files in a folder. Returns none if there is no folder. */
async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
  const isFile = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (found) => found.isFile(),
        () => false,
      ),
    ),
  );
  return names.filter((_, at) => isFile[at]).sort();
}

async function sourceAt(kind: SourceKind, path: string): Promise<ProjectSource> {
  const { size } = await stat(path);
  const refuse = (why: string) =>
    new HowdahError('HWINV', `${path}:1:1: ${why}`, { detail: { file: path } });
  if (size > MAX_SYSTEM_FILE_BYTES) throw refuse('the file is larger than 1 MB');
  return { kind, name: path, text: await readUtf8File(path) };
}

/**
 * Returns a function that reads texts of the project only. A card from elsewhere must not read
 * other files of the disk.
 */
function includeFrom(root: string): Project['include'] {
  return (path) => {
    try {
      const folder = realpathSync(root);
      const file = realpathSync(resolve(folder, path));
      const { size } = statSync(file);
      const isInside = file.startsWith(folder.endsWith(sep) ? folder : folder + sep);
      if (!isInside || NO_TEXT.test(file) || size > MAX_SYSTEM_FILE_BYTES) return undefined;
      return utf8Text(readFileSync(file), file);
    } catch {
      return undefined;
    }
  };
}

function nothingThere(path: string): HowdahError {
  return new HowdahError('HWNTF', `${path} contains no fast-agent files`, {
    hint: `Looked for: ${CONFIG.join(', ')}, ${OWN_FOLDER}/agent-cards/*.md and *.yaml, and agent cards in the folder itself.`,
    detail: { path },
  });
}
