import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type ComparedFigure, compareFigures } from './output/comparison.ts';
import type { Figure } from './figures.ts';
import { prepareOldCheckout } from './old-checkout.ts';

export type AgainstOptions = { against: string; names: readonly string[]; rounds: number };

export type Against = {
  /** Lines that say which commits were compared, and by which bench code. */
  describe: string[];
  /** Runs the benches, and hands on the figures of each; gives a sentence for each that broke. */
  run(found: (figures: ComparedFigure[]) => void): Promise<string[]>;
  /** Ends what runs and removes what was made. */
  stop(): Promise<void>;
};

type Side = { name: 'old' | 'new'; folder: string };

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * Compares another checkout with this one: each bench runs in turn old, new, old, new, a round at a
 * time. Each is a process of its own with a server of its own, so that no side finds anything warm.
 */
export async function startAgainst(
  { against, names, rounds }: AgainstOptions,
  talk: (line: string) => void,
): Promise<Against> {
  const old = await prepareOldCheckout(against);
  const sides: Side[] = [
    { name: 'old', folder: old.folder },
    { name: 'new', folder: ROOT },
  ];
  let running: ChildProcess | undefined;
  let isOver = false;
  const measure = async (bench: string): Promise<Record<Side['name'], Figure[][]>> => {
    const found: Record<Side['name'], Figure[][]> = { old: [], new: [] };
    for (const side of Array.from({ length: rounds }, () => sides).flat()) {
      if (isOver) break;
      running = startBench(side, bench);
      found[side.name].push(await figuresOf(running, (line) => talk(`${side.name} ${line}`)));
    }
    return found;
  };
  return {
    describe: [
      `old: ${against} at ${await commitOf(against)}`,
      `new: ${ROOT} at ${await commitOf(ROOT)}`,
      old.how,
    ],
    async run(found) {
      const broken: string[] = [];
      for (const bench of names) {
        const by = await measure(bench);
        if (isOver) break;
        for (const { name } of sides) {
          const failed = by[name].filter((figures) => figures.length === 0).length;
          if (failed > 0) broken.push(`${bench} broke in ${failed} rounds of the ${name} side`);
        }
        found(compareFigures(by.old, by.new));
      }
      return broken;
    },
    async stop() {
      isOver = true;
      if (running && running.exitCode === null && running.signalCode === null) {
        const exit = once(running, 'exit');
        running.kill('SIGTERM'); // it stops its server first
        await exit;
      }
      old.remove();
    },
  };
}

function startBench({ folder }: Side, bench: string): ChildProcess {
  const words = ['bench/main.ts', bench, '--json', '--no-peers', '--rounds', '1'];
  return spawn(process.execPath, words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Figures of a bench by its `--json`. Its exit code says only whether bars hold, which is not asked here. */
async function figuresOf(child: ChildProcess, talk: (line: string) => void): Promise<Figure[]> {
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

/** Returns undefined for a line that is not a figure. JSON has no NaN: a figure not measured is null. */
function parseFigure(line: string): Figure | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const one = JSON.parse(line) as Figure & { value: number | null };
    return { ...one, value: one.value ?? Number.NaN };
  } catch {
    return undefined;
  }
}

async function commitOf(folder: string): Promise<string> {
  const words = ['-C', folder, 'describe', '--always', '--dirty'];
  const { stdout } = await promisify(execFile)('git', words).catch(() => ({ stdout: 'no commit' }));
  return stdout.trim();
}
