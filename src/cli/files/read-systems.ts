import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { HowdahError } from '../../contracts/errors.ts';
import type { ApplyOptions, Plan } from '../../db/access/agent-systems.ts';
import { applyFiles } from '../../operations/definitions/agent-systems.ts';
import type { SystemFile } from '../../systems/apply.ts';
import { closestNames } from '../../text/closest-names.ts';
import type { CallOperation } from '../backend/call-operation.ts';
import { readUtf8File, readUtf8Stream } from '../input/utf8-text.ts';
import { readPackFolder } from './read-pack.ts';

/**
 * The option `-f` before files, which has no effect. It is for people who know it from other tools,
 * such as `apply -f FILE`.
 */
export const FILE_OPTION = [
  '-f',
  'accepted before a file name, as in other tools; has no effect',
] as const;

/** The name of standard input on a command line (`path`) and in faults (`name`). */
const STDIN = { path: '-', name: 'stdin' };
const ENDING = /\.(ya?ml|json)$/i;

/**
 * Reads the files and packs that a command line names; `-` is standard input. Throws `HWNTF`,
 * `HWINV`, `EUSAGE`.
 */
export function readSystemFiles(
  paths: readonly string[],
  stdin: NodeJS.ReadableStream,
): Promise<SystemFile[]> {
  if (paths.filter((path) => path === STDIN.path).length > 1) {
    throw new HowdahError('EUSAGE', 'standard input can be read only once: use - once');
  }
  return Promise.all(
    paths.map(async (path) => {
      if (path === STDIN.path) return readStdin(stdin);
      try {
        return { name: path, text: await readUtf8File(path) };
      } catch (error) {
        if (error instanceof HowdahError) throw error;
        const cause = error as NodeJS.ErrnoException;
        if (cause.code === 'EISDIR') return readPackFolder(path);
        throw await unreadable(path, cause);
      }
    }),
  );
}

const readStdin = async (stdin: NodeJS.ReadableStream): Promise<SystemFile> => ({
  name: STDIN.name,
  text: await readUtf8Stream(stdin, STDIN.name),
});

async function unreadable(path: string, cause: NodeJS.ErrnoException): Promise<HowdahError> {
  const isMissing = cause.code === 'ENOENT';
  const why = isMissing ? 'there is no such file' : cause.message;
  const meant = isMissing ? await fileLike(path) : undefined;
  return new HowdahError('HWNTF', `cannot read ${path}: ${why}`, {
    hint:
      meant === undefined
        ? 'Create a file from an agent system: howdah dev export NAME > FILE'
        : `Did you mean ${meant}?`,
    detail: { file: path },
    cause,
  });
}

/**
 * Returns the system file in the same folder with the most similar name, with any of the endings.
 */
async function fileLike(path: string): Promise<string | undefined> {
  const files = (await readdir(dirname(path)).catch(() => [])).filter((name) => ENDING.test(name));
  const stemOf = (name: string) => name.replace(ENDING, '');
  const [near] = closestNames(stemOf(basename(path)), files.map(stemOf), 1);
  const file = files.find((name) => stemOf(name) === near);
  return file === undefined ? undefined : join(dirname(path), file);
}

/** Throws `EUSAGE` if standard input is among the files to watch. */
export function refuseWatchedStdin(paths: readonly string[]): void {
  if (!paths.includes(STDIN.path)) return;
  throw new HowdahError('EUSAGE', '--watch cannot be used with standard input', {
    hint: 'Name a file, or omit --watch.',
  });
}

/** Applies all files in one transaction. */
export async function applySystemFiles(
  call: CallOperation,
  files: readonly SystemFile[],
  { dryRun = false, prune = false }: Pick<ApplyOptions, 'dryRun' | 'prune'>,
): Promise<Plan[]> {
  const sent = files.map(({ name, text, parts }) => ({
    ...{ name, text },
    ...(parts && { parts: [...parts] }),
  }));
  const { systems } = await call(applyFiles, { body: { files: sent, dry_run: dryRun, prune } });
  return systems;
}
