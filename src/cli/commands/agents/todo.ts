import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import { editTodoList, readTodoList } from '../../../operations/runs/todolists.ts';
import type { CallOperation } from '../../backend/call-operation.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { hintIfNotFound } from '../../backend/unknown-name.ts';
import { withBackend } from '../../backend/with-backend.ts';
import {
  formatTodoFile,
  parseTodoFile,
  readTodoFile,
  type TodoFile,
  todoPath,
  writeTodoFile,
} from '../../files/todo-file.ts';
import { uuidOf } from '../../input/resolve-id.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { utf8Text } from '../../input/utf8-text.ts';
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
    .option(...API_OPTION)
    .action(async (session: string | undefined, options: Options, self: Command) => {
      const work = workOf(io, session, options);
      const { tenant } = options;
      await withBackend(io, self, { tenant }, async ({ call }) => {
        const { path, ...list } = await work(call);
        if (io.json) printJson(io, { ...list, ...(path !== undefined && { file: path }) });
        else io.out(path ?? list.content.trimEnd());
      });
    });
}

const NO_SESSION = hintIfNotFound('The session of a run is its session_id: howdah show ID --json');

type Done = TodoFile & { path?: string };

/** Returns what the options ask for. Throws `EUSAGE` if they contradict each other. */
function workOf(io: CliIo, named: string | undefined, options: Options) {
  const { write, apply, edit } = options;
  if ([write, apply, edit].filter((option) => option !== undefined).length > 1) {
    throw usage('--write, --apply and --edit exclude each other');
  }
  const session = named === undefined ? undefined : uuidOf(named, 'a session');
  if (apply !== undefined) {
    const file = readTodoFile(apply);
    if (session !== undefined && session !== file.session) {
      throw usage(`${apply} is the list of session ${file.session}`);
    }
    return (call: CallOperation) => applyFile(call, file, apply);
  }
  if (session === undefined) throw usage('no session is named');
  const read = (call: CallOperation) => readList(call, session);
  if (write !== undefined) return async (call: CallOperation) => save(await read(call), write);
  if (!edit) return read;
  return async (call: CallOperation) => applyList(call, await editList(io, await read(call)));
}

async function readList(call: CallOperation, session: string): Promise<Done> {
  const list = await call(readTodoList, { params: { sid: session } }).catch(NO_SESSION);
  return { session, ...list };
}

function save(list: TodoFile, path: string): Done {
  const file = todoPath(path, list.session);
  writeTodoFile(file, list, isUnedited);
  return { ...list, path: file };
}

/** Applies a file, and writes the list as it is now into the file. */
async function applyFile(call: CallOperation, file: TodoFile, path: string): Promise<Done> {
  const list = await applyList(call, file);
  writeTodoFile(path, list, () => true);
  return list;
}

async function applyList(call: CallOperation, { session, ...body }: TodoFile): Promise<Done> {
  const list = await call(editTodoList, { params: { sid: session }, body }).catch(NO_SESSION);
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
    return parseTodoFile(utf8Text(readFileSync(path), path), 'the edited list');
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
