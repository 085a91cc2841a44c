import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { HowdahError } from '../../contracts/errors.ts';
import type { ApplyOptions, Plan } from '../../db/access/agent-systems.ts';
import { inTenant } from '../../db/access/agent-systems.ts';
import { applySystems, type SystemFile } from '../../systems/apply.ts';
import { closestNames } from '../../text/closest-names.ts';
import type { CliDatabase } from '../backend/database.ts';
import { tenantOf } from '../input/resolve-tenant.ts';
import { readPackFolder } from './read-pack.ts';

/** For who is used to `apply -f FILE`: a word before files, which mean the same without it. */
export const FILE_OPTION = ['-f', 'before a file, as other tools want it'] as const;

/** How a command line and its faults call standard input. */
const STDIN = { path: '-', name: 'stdin' };
const ENDING = /\.(ya?ml|json)$/i;

/** The files and packs a command line names, `-` for standard input. Throws `HWNTF`, `EUSAGE`. */
export function readSystemFiles(
  paths: readonly string[],
  stdin: NodeJS.ReadableStream,
): Promise<SystemFile[]> {
  if (paths.filter((path) => path === STDIN.path).length > 1) {
    throw new HowdahError('EUSAGE', 'standard input can be read once: name - one time');
  }
  return Promise.all(
    paths.map(async (path) => {
      if (path === STDIN.path) return { name: STDIN.name, text: await readAll(stdin) };
      try {
        return { name: path, text: await readFile(path, 'utf8') };
      } catch (error) {
        const cause = error as NodeJS.ErrnoException;
        if (cause.code === 'EISDIR') return readPackFolder(path);
        throw await unreadable(path, cause);
      }
    }),
  );
}

async function unreadable(path: string, cause: NodeJS.ErrnoException): Promise<HowdahError> {
  const isMissing = cause.code === 'ENOENT';
  const why = isMissing ? 'there is no such file' : cause.message;
  const meant = isMissing ? await fileLike(path) : undefined;
  return new HowdahError('HWNTF', `cannot read ${path}: ${why}`, {
    hint:
      meant === undefined
        ? 'Write what there is into one: howdah export NAME > FILE'
        : `Did you mean ${meant}?`,
    detail: { file: path },
    cause,
  });
}

/** The file of a system in the same folder whose name is most like this one, whichever of the endings it has. */
async function fileLike(path: string): Promise<string | undefined> {
  const files = (await readdir(dirname(path)).catch(() => [])).filter((name) => ENDING.test(name));
  const stemOf = (name: string) => name.replace(ENDING, '');
  const [near] = closestNames(stemOf(basename(path)), files.map(stemOf), 1);
  const file = files.find((name) => stemOf(name) === near);
  return file === undefined ? undefined : join(dirname(path), file);
}

/** Throws `EUSAGE` where standard input is among files that are to be watched. */
export function refuseWatchedStdin(paths: readonly string[]): void {
  if (!paths.includes(STDIN.path)) return;
  throw new HowdahError('EUSAGE', 'standard input is not saved again, so it cannot be watched', {
    hint: 'Name a file, or leave --watch out.',
  });
}

/** All files in one transaction, as the tenant of this slug or the one the login acts for. */
export async function applyFiles(
  { db, pool }: CliDatabase,
  files: readonly SystemFile[],
  { tenant, ...options }: ApplyOptions & { tenant?: string },
): Promise<Plan[]> {
  const { id } = await tenantOf(db, tenant);
  return inTenant(pool, id, (client) => applySystems(client, files, options));
}
