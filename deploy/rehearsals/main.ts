import type { Figure } from '../../bench/figures.ts';
import { describeMachine } from '../../bench/machine.ts';
import { type BenchServer, startServer } from '../../bench/server.ts';
import { loadRehearsal, rehearsalNames, UsageError } from './support/rehearsal.ts';

// npm run rehearse -- <name> [its options] [--json]
//
// Carries out what the operator of an installation does, and prints figures about the outcome.
// Exits with 1 if a figure misses its bound.

const USAGE = 'npm run rehearse -- <name> [--json] [options of the rehearsal]';

process.exitCode = await main(process.argv.slice(2));

async function main([name, ...rest]: string[]): Promise<number> {
  const names = rehearsalNames();
  if (name === undefined || !names.includes(name)) {
    const isHelp = name === undefined || name === '--help';
    console.error(`${isHelp ? '' : `there is no rehearsal ${name}\n`}${USAGE}\n`);
    for (const one of names)
      console.error(`  ${one.padEnd(14)} ${(await loadRehearsal(one)).title}`);
    return isHelp ? 0 : 2;
  }
  const isJson = rest.includes('--json');
  return rehearse(
    name,
    rest.filter((word) => word !== '--json'),
    isJson,
  );
}

async function rehearse(name: string, argv: string[], isJson: boolean): Promise<number> {
  const { title, usage, run } = await loadRehearsal(name);
  const help = usage === undefined ? USAGE : `${USAGE}\n${usage}`;
  if (argv.includes('--help')) {
    console.error(`${title}\n${help}`);
    return 0;
  }
  let starting: Promise<BenchServer> | undefined;
  const server = () => (starting ??= startDescribedServer(isJson));
  const stop = async () => (await starting)?.stop();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stop().finally(() => process.exit(130)));
  }
  console.error(`── ${name}: ${title}`);
  let areBoundsMet = true;
  try {
    const figures = run({ argv, server, log: createLog() });
    for await (const one of 'then' in figures ? await figures : figures) {
      console.log(isJson ? JSON.stringify(one) : figureLine(one));
      areBoundsMet &&= one.holds !== false;
    }
  } catch (error) {
    if (!(error instanceof UsageError || isBadOption(error))) throw error;
    console.error(`${error.message}\n${help}`);
    return 2;
  } finally {
    await stop();
  }
  return areBoundsMet ? 0 : 1;
}

/** Starts the server of the rehearsal, and prints what machine it runs on. */
async function startDescribedServer(isJson: boolean): Promise<BenchServer> {
  const server = await startServer(process.env.BENCH_PG_URL);
  if (!isJson) console.error(`${(await describeMachine(server)).join('\n')}\n`);
  return server;
}

/** Returns a function that prints lines to stderr, with the seconds since now. */
function createLog(): (line: string) => void {
  const startedAt = performance.now();
  return (line) => {
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    console.error(`${seconds.padStart(7)} s  ${line}`);
  };
}

/** Returns whether an error was thrown by parseArgs. */
function isBadOption(error: unknown): error is Error {
  return (
    error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  );
}

function figureLine({ bench, figure, value, unit, bound, holds }: Figure): string {
  const verdict = holds === null ? '' : holds ? 'holds' : 'BROKEN';
  return [
    bench.padEnd(12),
    figure.padEnd(32),
    String(value).padStart(9),
    unit.padEnd(8),
    (bound ?? '').padEnd(8),
    verdict,
  ]
    .join(' ')
    .trimEnd();
}
