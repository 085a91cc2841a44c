import { type Command, InvalidArgumentError, Option } from 'commander';
import { FAULTS, type FaultKind } from '../../../../chaos/faults/faults.ts';
import { parseFaults } from '../../../../chaos/options.ts';
import type { PlayOptions } from '../../../../chaos/play-rounds.ts';
import type { ChaosMessage } from '../../../../chaos/process.ts';
import { HowdahError } from '../../../contracts/errors.ts';
import { programBeside, releaseVersion } from '../../../package-root.ts';
import { parseWholeNumber } from '../../input/parse-number.ts';
import { exitCodes } from '../../output/exit-codes.ts';
import { type CliIo, printJson, printTable } from '../../output/output.ts';
import { runInChildProcess } from '../../process/isolated-child.ts';

type Options = { minutes: number; workers: number; seed?: number; only: readonly FaultKind[] };
type Outcome = Extract<ChaosMessage, { lines: unknown }>;

const MAX_SHOWN = 50;

/**
 * Registers `howdah dev chaos`. Runs are played while a server made for this purpose, its workers
 * and its models are broken. Then everything is counted.
 */
export function register(command: Command, io: CliIo): void {
  command
    .option(
      '--minutes <number>',
      'minimum time during which faults are injected, in minutes; the command then checks that all runs end',
      minutes,
      2,
    )
    .option('--workers <number>', 'number of worker processes', parseWholeNumber(1, 32), 3)
    .option(
      '--seed <number>',
      'seed from which runs and faults are chosen; the same seed and options give the same runs and faults (default: random)',
      parseWholeNumber(0, 1e9),
    )
    .addOption(
      new Option(
        '--only <faults>',
        `faults to inject, separated by commas (see docs/reliability.md): ${FAULTS.join(', ')}; or none`,
      )
        .argParser(faults)
        .default(FAULTS, 'all of them'),
    )
    .action(async (options: Options, self: Command) => {
      refuseServer(self);
      io.format?.({}); // rejects -o id before anything is broken
      const { seed = Date.now() % 1_000_000, ...playOptions } = options;
      io.err(`seed ${seed}; running on a temporary embedded server, which is removed at the end`);
      await playAndTell(io, { ...playOptions, seed, runs: 0 });
    });
}

/**
 * Throws `EUSAGE` if a server is named. Chaos kills processes of its server, and could not know to
 * whom the processes of another server belong.
 */
function refuseServer(self: Command): void {
  if (self.optsWithGlobals<{ databaseUrl?: string }>().databaseUrl !== undefined) {
    throw new HowdahError('EUSAGE', '--database-url cannot be used: chaos breaks its server', {
      hint: 'Omit --database-url: chaos starts its own embedded server.',
    });
  }
  if (process.platform === 'win32') {
    throw new HowdahError(
      'EUSAGE',
      'chaos does not run on Windows, which has no signal to freeze a process',
      {
        hint: 'Run it in WSL, or on Linux or macOS.',
      },
    );
  }
}

async function playAndTell(io: CliIo, options: PlayOptions): Promise<void> {
  let outcome: Outcome = { lines: [], summary: '', broken: [] };
  const file = programBeside(import.meta.url, '../../../../chaos/process');
  await runInChildProcess<ChaosMessage>(io, file, options, (news) => {
    if ('progress' in news) io.err(news.progress);
    else outcome = news;
  });
  const { lines, summary, broken } = outcome;
  if (io.json) {
    printJson(io, { seed: options.seed, kept: broken.length === 0, items: lines, broken });
  } else {
    printTable(io, lines.map(tableRow));
    io.out(summary);
  }
  if (broken.length === 0) return;
  io.err(`${broken.length} promises broken: seed ${options.seed}, Howdah ${releaseVersion()}`);
  for (const { kind, what } of broken.slice(0, MAX_SHOWN)) io.err(`  ${kind}: ${what}`);
  io.setExitCode(exitCodes.error);
}

function tableRow({ fault, injected, runs, lost, doubled, ...line }: Outcome['lines'][number]) {
  return {
    ...{ fault, injected, runs, lost, doubled, 'repeated calls': line.repeated },
    'recovery ms p50/p99/max': line.recovery?.join(' / '),
    violations: line.violations,
  };
}

function minutes(text: string): number {
  const number = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || number <= 0 || number > 10_000) {
    throw new InvalidArgumentError('Use a number above 0, such as 2 or 0.5.');
  }
  return number;
}

function faults(text: string): FaultKind[] {
  try {
    return parseFaults(text);
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}
