import { Argument, type Command } from 'commander';
import type { JudgedFigure } from '../../../../bench/bars.ts';
import { BENCH_NAMES } from '../../../../bench/bench-names.ts';
import type { BenchMessage, BenchOrder } from '../../../../bench/process.ts';
import { createPool } from '../../../db/connection/pool.ts';
import { programBeside } from '../../../package-root.ts';
import { parseWholeNumber } from '../../input/parse-number.ts';
import { exitCodes } from '../../output/exit-codes.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { runInChildProcess } from '../../process/isolated-child.ts';

type Options = { all?: true; rounds?: number; check?: true };

/** The benchmarks that show the speed of the engine in a minute or two. */
const USUAL = ['steps', 'latency'];
const USUAL_ROUNDS = 2;

/**
 * Registers `howdah dev bench`, which measures the engine on databases that are created for it and
 * dropped.
 */
export function register(command: Command, io: CliIo): void {
  command
    .addArgument(
      new Argument('[names...]', `benchmarks to run (default: ${USUAL.join(' and ')})`).choices(
        BENCH_NAMES,
      ),
    )
    .option('--all', 'run all benchmarks, which takes 15 minutes or more')
    .option(
      '--rounds <number>',
      'number of rounds of each benchmark that supports it',
      parseWholeNumber(1, 1_000),
    )
    .option(
      '--check',
      'also show the design goal and the allowed minimum or maximum of each figure, and exit with 1 if a figure is below its minimum or above its maximum',
    )
    .action(async (names: string[], options: Options, self: Command) => {
      io.format?.({}); // rejects -o id before anything is measured
      const url = await namedServer(io, self);
      const isUsual = names.length === 0 && options.all === undefined;
      const requested = isUsual ? USUAL : names;
      const order: BenchOrder = {
        names: BENCH_NAMES.filter((name) => options.all || requested.includes(name)),
        isAll: options.all === true,
        rounds: options.rounds ?? (isUsual ? USUAL_ROUNDS : undefined),
        url,
      };
      await measure(io, order, options.check === true);
    });
}

/**
 * Returns the server to measure on. Only --database-url names a server to load, because
 * DATABASE_URL may be in use. The named database is used only to connect and to create other
 * databases from there.
 */
async function namedServer(io: CliIo, self: Command): Promise<string | undefined> {
  const { databaseUrl: url } = self.optsWithGlobals<{ databaseUrl?: string }>();
  const config = await io.config();
  if (url === undefined) {
    const other = config.databaseUrl === undefined ? '' : '; DATABASE_URL is not used';
    io.err(
      `Running on a temporary embedded server${other}. To use another server: --database-url URL`,
    );
    return undefined;
  }
  const pool = createPool({ url, applicationName: 'howdah-cli', max: 1 });
  await pool.query('select').finally(() => pool.end());
  io.err('Running on temporary databases on the server of --database-url');
  return url;
}

async function measure(io: CliIo, order: BenchOrder, isChecked: boolean): Promise<void> {
  const { describeFailures } = await import('../../../../bench/bars.ts');
  const { formatBenchTable, formatDurability } = await import('../../../../bench/output/table.ts');
  const all: JudgedFigure[] = [];
  let broken: string[] = [];
  const file = programBeside(import.meta.url, '../../../../bench/process');
  await runInChildProcess<BenchMessage>(io, file, order, (news) => {
    if ('talk' in news) io.err(news.talk);
    if ('broken' in news) broken = news.broken;
    if ('machine' in news)
      for (const line of news.machine) {
        if (io.json) io.err(line);
        else io.out(line);
      }
    if (!('figures' in news)) return;
    all.push(...news.figures);
    if (io.json) for (const one of news.figures) printJson(io, one);
    else io.out(`\n${formatBenchTable(news.figures, false, isChecked)}`);
  });
  if (!io.json) io.out(`\n${formatDurability(all, []).join('\n')}`);
  const below = isChecked ? describeFailures(all) : [];
  for (const line of [...broken, ...below]) io.err(line);
  if (broken.length + below.length > 0) io.setExitCode(exitCodes.error);
}
