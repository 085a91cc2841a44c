import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';

// The old side of `npm run bench -- --against FOLDER`. The engine, CLI and SQL of the other
// checkout are measured by the bench code of this checkout, so that both sides are measured in the
// same way.
//
// A temporary folder gets a copy of this bench, and symbolic links to everything else of the other
// checkout. Node resolves symbolic links, so imports of `../src` and `../workers` load the files of
// the other checkout. If this bench cannot load the old engine, the other checkout is measured by
// its own bench.

/**
 * Files of the bench that use private tables, functions or triggers. They come from the other
 * checkout, because private objects may differ between commits.
 */
export const PRIVATE_FILES = [
  'clients/feeds.ts',
  'data/encryption.ts',
  'data/history.ts',
  'data/knowledge.ts',
  'data/hot-path-calls.ts',
  'data/limited-commits.ts',
  'data/queued.ts',
  'data/storage.ts',
  'rankings/add-documents.ts',
  'rankings/compare-compounds.ts',
  'rankings/compare-rankings.ts',
  'rankings/embedder.ts',
  'rankings/vector-times.ts',
  'runs/insert-triggers.ts',
  'runs/recovery.ts',
  'runs/sql-worker.ts',
];

export type OldCheckout = {
  /** The folder with the `bench/main.ts` that measures the old side. */
  folder: string;
  /** A sentence that says which bench code measures the old side. */
  method: string;
  /** Removes the temporary folder. */
  remove(): void;
};

const BENCH = fileURLToPath(new URL('.', import.meta.url));

/** Prepares a checkout as the old side. Throws if the folder is not a checkout with a bench. */
export async function prepareOldCheckout(
  checkout: string,
  bench: string = BENCH,
): Promise<OldCheckout> {
  const old = resolve(checkout);
  for (const part of ['bench/main.ts', 'node_modules']) {
    if (!existsSync(join(old, part))) {
      throw new Error(`${old} has no ${part}: --against needs a checkout after npm install`);
    }
  }
  const folder = mkdtempSync(join(tmpdir(), 'howdah-bench-against-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    copyBench(old, bench, folder);
    const problem = findMovedFile(old) ?? (await findLoadError(folder));
    if (problem === undefined) {
      const method = `both sides are measured by this bench; the old side uses these files of its checkout: ${PRIVATE_FILES.join(', ')}`;
      return { folder, method, remove };
    }
    remove();
    const method = `each side is measured by its own bench, which may measure a figure in another way; this bench cannot measure the old engine: ${problem}`;
    return { folder: old, method, remove };
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

/** Describes a private file that the other checkout has in another folder of its bench. */
function findMovedFile(old: string): string | undefined {
  const files = readdirSync(join(old, 'bench'), { recursive: true, encoding: 'utf8' });
  const moved = PRIVATE_FILES.find(
    (name) => !files.includes(name) && files.some((file) => basename(file) === basename(name)),
  );
  return moved && `its bench has ${basename(moved)}, but not as ${moved}`;
}

/** Loads all benches in a process of its own. Returns the error message if loading fails. */
async function findLoadError(folder: string): Promise<string | undefined> {
  const url = pathToFileURL(join(folder, 'bench/benches.ts')).href;
  const child = spawn(
    process.execPath,
    ['--input-type=module', '--eval', `await import('${url}')`],
    { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const exit = new Promise<number | null>((resolveExit) => child.once('exit', resolveExit));
  const [output, code] = await Promise.all([text(child.stderr), exit]);
  if (code === 0) return undefined;
  return /^\w*Error.*$/m.exec(output)?.[0] ?? `exit code ${code}`;
}
