import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';

// The other checkout of `npm run bench -- --against FOLDER`. Its engine, CLI and SQL are measured
// by the bench code of this checkout, so that both sides are measured in one way. To do that, a
// temporary folder gets a copy of this bench and a link to everything else of the other checkout.
// Node resolves links, so that the imports of `../src` and `../workers` end in the other checkout.

/** Files of a bench that use private tables, functions or triggers: each checkout needs its own. */
export const PRIVATE_FILES = [
  'clients/feeds.ts',
  'data/encryption.ts',
  'data/hot-calls.ts',
  'data/queued.ts',
  'data/storage.ts',
  'runs/by-hand.ts',
  'runs/guards.ts',
  'runs/recovery.ts',
];

export type OldCheckout = {
  /** The folder with the `bench/main.ts` that measures the old side. */
  folder: string;
  /** A sentence that says which bench code measures the old side. */
  how: string;
  remove(): void;
};

const BENCH = fileURLToPath(new URL('.', import.meta.url));

/** Prepares a checkout for the old side; throws a sentence where the folder is none. */
export async function prepareOldCheckout(
  checkout: string,
  bench: string = BENCH,
): Promise<OldCheckout> {
  const old = resolve(checkout);
  for (const part of ['bench/main.ts', 'node_modules']) {
    if (!existsSync(join(old, part))) {
      throw new Error(`${old} has no ${part}: --against wants a checkout after npm install`);
    }
  }
  const folder = mkdtempSync(join(tmpdir(), 'howdah-bench-against-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    copyBench(old, bench, folder);
    const problem = movedFile(old) ?? (await loadProblem(folder));
    if (problem === undefined) {
      const how = `both sides are measured by this bench; the old side takes ${PRIVATE_FILES.join(', ')} from its checkout`;
      return { folder, how, remove };
    }
    remove();
    const how = `each side is measured by its own bench, so that figures of one name may differ in how they are measured; this bench cannot measure the old engine: ${problem}`;
    return { folder: old, how, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function copyBench(old: string, bench: string, folder: string): void {
  for (const name of readdirSync(old)) {
    if (name !== 'bench' && name !== '.git') symlinkSync(join(old, name), join(folder, name));
  }
  const filter = (path: string): boolean => basename(path) !== 'node_modules';
  cpSync(bench, join(folder, 'bench'), { recursive: true, filter });
  for (const name of PRIVATE_FILES) {
    const own = join(old, 'bench', name);
    if (existsSync(own)) cpSync(own, join(folder, 'bench', name));
  }
}

/** Names a private file that the other checkout keeps in another folder of its bench. */
function movedFile(old: string): string | undefined {
  const files = readdirSync(join(old, 'bench'), { recursive: true, encoding: 'utf8' });
  const moved = PRIVATE_FILES.find(
    (name) => !files.includes(name) && files.some((file) => basename(file) === basename(name)),
  );
  return moved && `its bench has no ${moved} but a ${basename(moved)} elsewhere`;
}

/** Loads all benches in a process of its own; gives the error message when that fails. */
async function loadProblem(folder: string): Promise<string | undefined> {
  const url = pathToFileURL(join(folder, 'bench/benches.ts')).href;
  const child = spawn(
    process.execPath,
    ['--input-type=module', '--eval', `await import('${url}')`],
    { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const exit = new Promise<number | null>((ended) => child.once('exit', ended));
  const [output, code] = await Promise.all([text(child.stderr), exit]);
  if (code === 0) return undefined;
  return /^\w*Error.*$/m.exec(output)?.[0] ?? `exit code ${code}`;
}
