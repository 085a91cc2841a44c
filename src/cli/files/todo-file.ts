import { randomBytes } from 'node:crypto';
import { lstatSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HowdahError } from '../../contracts/errors.ts';
import type { TodoDocument } from '../../db/operations/todolists.ts';
import { utf8Text } from '../input/utf8-text.ts';
import { unwritableFile } from '../output/write-output.ts';

/**
 * A todo list in a file. The first line is a comment with the session and the version of the list,
 * so that the file can be applied later, and an edit of an outdated list is noticed.
 */
export type TodoFile = TodoDocument & { session: string };

const HEADER = /^<!-- howdah todo list ([0-9a-f-]{36}) version ([0-9a-f]{32}) -->\r?\n/;

export function formatTodoFile({ session, version, content }: TodoFile): string {
  return `<!-- howdah todo list ${session} version ${version} -->\n${content}`;
}

/** Parses a file. Throws `HWINV` if its first line is not that of a list. */
export function parseTodoFile(text: string, name: string): TodoFile {
  const [header, session = '', version = ''] = HEADER.exec(text) ?? [];
  if (header !== undefined) return { session, version, content: text.slice(header.length) };
  throw new HowdahError('HWINV', `${name} is not a todo list of Howdah`, {
    hint: 'Write it by howdah dev todo SESSION --write FILE, and keep its first line.',
    detail: { file: name },
  });
}

/** Reads a file. Throws `HWNTF` if there is none, or `HWINV` if it is not UTF-8. */
export function readTodoFile(path: string): TodoFile {
  let text: string;
  try {
    text = utf8Text(readFileSync(path), path);
  } catch (cause) {
    if (cause instanceof HowdahError) throw cause;
    throw new HowdahError('HWNTF', `the file ${path} cannot be read`, {
      hint: 'Write it by howdah dev todo SESSION --write FILE.',
      detail: { file: path },
      cause,
    });
  }
  return parseTodoFile(text, path);
}

/** Returns the file for a path: the path itself, or a file of the session in a folder. */
export function todoPath(path: string, session: string): string {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory();
  return isFolder ? join(path, `todolist_${session}.md`) : path;
}

/**
 * Writes a list whole or not at all. Replaces only a list of the same session without edits, and
 * never what a symbolic link names. `unedited` tells whether a list is equal to the one that its
 * version names.
 */
export function writeTodoFile(
  path: string,
  file: TodoFile,
  unedited: (present: TodoFile) => boolean,
): void {
  const present = lstatSync(path, { throwIfNoEntry: false });
  if (present && !present.isFile()) throw notReplaced(path, 'is not a regular file');
  if (present) {
    const before = readTodoFile(path);
    if (before.session !== file.session) throw notReplaced(path, 'is the list of another session');
    if (!unedited(before)) throw notReplaced(path, 'has edits that were not applied');
  }
  const draft = `${path}.${randomBytes(6).toString('hex')}.part`;
  try {
    writeFileSync(draft, formatTodoFile(file), { flag: 'wx', mode: 0o600 });
    renameSync(draft, path);
  } catch (cause) {
    throw unwritableFile('--write', path, cause);
  } finally {
    rmSync(draft, { force: true });
  }
}

function notReplaced(path: string, reason: string): HowdahError {
  return new HowdahError('HWCNF', `${path} ${reason}, and is not replaced`, {
    hint: 'Apply the edits by howdah dev todo --apply FILE, or name another file.',
    detail: { file: path },
  });
}
