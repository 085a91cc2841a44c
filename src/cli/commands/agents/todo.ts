import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import { applyTodoDocument, readTodoDocument } from '../../../db/operations/todolists.ts';
import { type CliDatabase, withDatabase } from '../../backend/with-database.ts';
import {
  formatTodoFile,
  parseTodoFile,
  readTodoFile,
  type TodoFile,
  todoPath,
  writeTodoFile,
} from '../../files/todo-file.ts';
import { uuidOf } from '../../input/resolve-id.ts';
import { forTenant, TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { execInPlace } from '../../process/exec.ts';

type Options = { write?: string; apply?: string; edit?: true; tenant?: string };

/**
 * Registers `howdah dev todo SESSION` (also `howdah todo`), which prints the todo list of a session
 * as Markdown, writes it to a file, or edits it.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument(
      '[session]',
      'id of the session; not needed with --apply, because the file names its session',
    )
    .option(
      '--write <path>',
      'file to write the list to; in an existing folder, the file todolist_SESSION.md',
    )
    .option('--apply <file>', 'apply the edits of a file that --write has written')
    .option('--edit', 'edit the list in $VISUAL or $EDITOR, and apply the edits')
    .option(...TENANT_OPTION)
    .action(async (session: string | undefined, options: Options) => {
      const work = workOf(io, session, options);
      await withDatabase(io, async (database) => {
        const { path, ...list } = await work(database);
        if (io.json) printJson(io, { ...list, ...(path !== undefined && { file: path }) });
        else io.out(path ?? list.content.trimEnd());
      });
    });
}

type Done = TodoFile & { path?: string };

/** Returns what the options ask for. Throws `EUSAGE` if they contradict each other. */
function workOf(io: CliIo, named: string | undefined, options: Options) {
  const { write, apply, edit, tenant } = options;
  if ([write, apply, edit].filter((option) => option !== undefined).length > 1) {
    throw usage('--write, --apply and --edit exclude each other');
  }
  const session = named === undefined ? undefined : uuidOf(named, 'a session');
  if (apply !== undefined) {
    const file = readTodoFile(apply);
    if (session !== undefined && session !== file.session) {
      throw usage(`${apply} is the list of session ${file.session}`);
    }
    return (database: CliDatabase) => applyFile(database, tenant, file, apply);
  }
  if (session === undefined) throw usage('no session is named');
  const read = (database: CliDatabase) => readList(database, tenant, session);
  if (write !== undefined)
    return async (database: CliDatabase) => save(await read(database), write);
  if (!edit) return read as (database: CliDatabase) => Promise<Done>;
  return async (database: CliDatabase) => {
    const edited = await editList(io, await read(database));
    return applyList(database, tenant, edited);
  };
}

async function readList(
  database: CliDatabase,
  tenant: string | undefined,
  session: string,
): Promise<Done> {
  const list = await forTenant(database, tenant, (client) => readTodoDocument(client, session));
  return { session, ...list };
}

function save(list: TodoFile, path: string): Done {
  const file = todoPath(path, list.session);
  writeTodoFile(file, list, isUnedited);
  return { ...list, path: file };
}

/** Applies a file, and writes the list as it is now into the file. */
async function applyFile(
  database: CliDatabase,
  tenant: string | undefined,
  file: TodoFile,
  path: string,
): Promise<Done> {
  const list = await applyList(database, tenant, file);
  writeTodoFile(path, list, () => true);
  return list;
}

async function applyList(
  database: CliDatabase,
  tenant: string | undefined,
  { session, ...document }: TodoFile,
): Promise<Done> {
  const list = await forTenant(database, tenant, (client) =>
    applyTodoDocument(client, session, document),
  );
  return { session, ...list };
}

/** Lets a person edit a list. Throws if the editor fails; nothing is applied then. */
async function editList(io: CliIo, list: TodoFile): Promise<TodoFile> {
  const { ownEnvironment } = await import('../../../config.ts');
  const environment = ownEnvironment();
  const editor = environment.VISUAL || environment.EDITOR;
  if (!editor)
    throw usage('$VISUAL and $EDITOR are not set', 'EDITOR=nano howdah dev todo SESSION --edit');
  const folder = mkdtempSync(join(tmpdir(), 'howdah-todo-'));
  const path = join(folder, 'todolist.md');
  try {
    writeFileSync(path, formatTodoFile(list), { mode: 0o600 });
    const argv = ['-c', `${editor} "$1"`, 'editor', path];
    const status = await execInPlace(io, 'sh', argv, environment);
    if (status !== 0) throw usage(`${editor} ended with status ${status}; nothing was applied`);
    return parseTodoFile(readFileSync(path, 'utf8'), 'the edited list');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Returns whether a file contains the list that its version names. */
function isUnedited({ content, version }: TodoFile): boolean {
  return createHash('md5').update(content).digest('hex') === version;
}

function usage(
  message: string,
  hint = 'howdah dev todo SESSION [--write FILE | --edit], or howdah dev todo --apply FILE',
) {
  return new HowdahError('EUSAGE', message, { hint });
}
