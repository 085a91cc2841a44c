import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Figure } from './figures.ts';
import { prepareOldCheckout } from './old-checkout.ts';
import { type ComparedFigure, compareFigures } from './output/compare-figures.ts';

// `npm run bench -- --against FOLDER`: compares the checkout in FOLDER (old) with this one (new).
// The rounds of a bench alternate between old and new. Each round is a process of its own with a
// server of its own, so that neither side profits from caches that the other has filled.

export type ComparisonOptions = { against: string; names: readonly string[]; rounds: number };

export type CheckoutComparison = {
  /** Lines that name both commits and the bench code that measures the old side. */
  describe: string[];
  /**
   * Runs the benches, and passes the figures of each to `onFigures`. Returns a sentence for each
   * bench that failed.
   */
  run(onFigures: (figures: ComparedFigure[]) => void): Promise<string[]>;
  /** Ends the running bench and removes temporary files. */
  stop(): Promise<void>;
};

type Side = { name: 'old' | 'new'; folder: string };
type RoundsOfSides = Record<Side['name'], Figure[][]>;

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * Prepares the comparison. `talk` receives the output of the benches, with the name of the side.
 */
export async function prepareComparison(
  { against, names, rounds }: ComparisonOptions,
  talk: (line: string) => void,
): Promise<CheckoutComparison> {
  const old = await prepareOldCheckout(against);
  const sides: Side[] = [
    { name: 'old', folder: old.folder },
    { name: 'new', folder: ROOT },
  ];
  let running: ChildProcess | undefined;
  let isStopped = false;
  const measure = async (bench: string): Promise<RoundsOfSides> => {
    const measured: RoundsOfSides = { old: [], new: [] };
    for (const side of Array.from({ length: rounds }, () => sides).flat()) {
      if (isStopped) break;
      running = startBench(side, bench);
      measured[side.name].push(await readFigures(running, (line) => talk(`${side.name} ${line}`)));
    }
    return measured;
  };
  return {
    describe: [
      `old: ${against} at ${await commitOf(against)}`,
      `new: ${ROOT} at ${await commitOf(ROOT)}`,
      old.method,
    ],
    async run(onFigures) {
      const broken: string[] = [];
      for (const bench of names) {
        const measured = await measure(bench);
        if (isStopped) break;
        for (const { name } of sides) {
          const failed = measured[name].filter((figures) => figures.length === 0).length;
          if (failed > 0) broken.push(`${bench} failed in ${failed} rounds of the ${name} side`);
        }
        onFigures(compareFigures(measured.old, measured.new));
      }
      return broken;
    },
    async stop() {
      isStopped = true;
      if (running && running.exitCode === null && running.signalCode === null) {
        const exit = once(running, 'exit');
        running.kill('SIGTERM'); // the bench stops its server before it exits
        await exit;
      }
      old.remove();
    },
  };
}

function startBench({ folder }: Side, bench: string): ChildProcess {
  const args = ['bench/main.ts', bench, '--json', '--no-peers', '--rounds', '1'];
  return spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
}

/**
 * Reads the figures from the output of `--json`, until the process has ended. Its exit code is
 * ignored, because it only says whether the figures meet their bars.
 */
async function readFigures(child: ChildProcess, talk: (line: string) => void): Promise<Figure[]> {
  const figures: Figure[] = [];
  const { stdout, stderr } = child;
  if (stdout) {
    createInterface(stdout).on('line', (line) => {
      const figure = parseFigure(line);
      if (figure === undefined) talk(line);
      else figures.push(figure);
    });
  }
  if (stderr) createInterface(stderr).on('line', talk);
  await once(child, 'close');
  return figures;
}

/**
 * Parses a line of `--json`. Returns undefined if the line is not a figure. JSON has no NaN, so a
 * figure that was not measured has the value null.
 */
function parseFigure(line: string): Figure | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const figure = JSON.parse(line) as Figure & { value: number | null };
    return { ...figure, value: figure.value ?? Number.NaN };
  } catch {
    return undefined;
  }
}

async function commitOf(folder: string): Promise<string> {
  const args = ['-C', folder, 'describe', '--always', '--dirty'];
  const { stdout } = await promisify(execFile)('git', args).catch(() => ({ stdout: 'no commit' }));
  return stdout.trim();
}
