import { type Command, InvalidArgumentError } from 'commander';
import { withDatabase } from '../../backend/with-database.ts';
import { parseWholeNumber } from '../../input/parse-number.ts';
import { type CliIo, printJson } from '../../output/output.ts';

const MOST = 1_000_000_000;

type Options = {
  executions: number;
  steps: number;
  days: number;
  tenants: number;
  agents: number;
  seed: number;
  until?: Date;
  append?: true;
};

/**
 * Registers `howdah dev generate`, which writes a history of finished runs, to try queries and
 * dashboards on.
 */
export function register(command: Command, io: CliIo): void {
  command
    .option('--executions <number>', 'number of runs', parseWholeNumber(1, MOST), 10_000)
    .option('--steps <number>', 'average number of steps of a run', parseWholeNumber(2, MOST), 10)
    .option(
      '--days <number>',
      'number of days that the history covers',
      parseWholeNumber(1, MOST),
      90,
    )
    .option('--tenants <number>', 'number of tenants', parseWholeNumber(1, MOST), 1)
    .option('--agents <number>', 'number of agents of each tenant', parseWholeNumber(1, MOST), 8)
    .option(
      '--seed <number>',
      'seed of the history; another seed gives another history',
      parseWholeNumber(0, MOST),
      1,
    )
    .option('--until <time>', 'end of the history (default: 15 minutes ago)', time)
    .option('--append', 'allow writing into a database that already has runs')
    .action((options: Options) =>
      withDatabase(io, ({ url }) => generate(io, url, options), { installsSchema: true }),
    );
}

async function generate(io: CliIo, url: string, { append, until, ...options }: Options) {
  const { generateHistory } = await import('../../../db/sample-history/generate.ts');
  const end = until ?? new Date(Date.now() - 15 * 60_000);
  const { executions, steps, days, tenants, agents } = options;
  io.err(
    `Writing ${executions} finished runs of about ${steps} steps, of ${agents} agents in each of ${tenants} tenants, into the ${days} days before ${end.toISOString()}.`,
  );
  const startedAt = performance.now();
  const rate = (rows: number) => Math.round((rows / (performance.now() - startedAt)) * 1000);
  const counts = await generateHistory(
    url,
    { ...options, until: end, append: append === true },
    (done) => io.err(`${countsIn(done)}; ${rate(rowsOf(done))} rows/s`),
  );
  const seconds = Number(((performance.now() - startedAt) / 1000).toFixed(1));
  if (io.json) printJson(io, { ...counts, seconds, rows_per_second: rate(rowsOf(counts)) });
  else io.out(`${countsIn(counts)} in ${seconds} s`);
}

type Counts = { executions: number; steps: number; messages: number };

function countsIn({ executions, steps, messages }: Counts): string {
  return `${executions} runs, ${steps} steps, ${messages} messages`;
}

function rowsOf(counts: Counts): number {
  return counts.executions + counts.steps + counts.messages;
}

function time(text: string): Date {
  const moment = new Date(text);
  if (Number.isNaN(moment.getTime())) {
    throw new InvalidArgumentError('Use a time, such as 2026-01-31T12:00:00Z.');
  }
  return moment;
}
