import { writeFileSync } from 'node:fs';
import { type Options, parseArguments } from './arguments.ts';
import { describeFailures, type JudgedFigure } from './bars.ts';
import type { BenchContext } from './bench.ts';
import { BENCHES } from './benches.ts';
import { prepareComparison } from './compare-checkouts.ts';
import { describeHost, describeMachine } from './machine.ts';
import { formatDocument } from './output/document.ts';
import { formatComparison, formatTables } from './output/table.ts';
import { runBenches } from './run-benches.ts';
import { startServer } from './server.ts';
import { INSTALL_PEERS, installedPeers, PEERS } from './systems.ts';

// npm run bench -- [NAMES] [--json] [--check] [--rounds N] [--no-peers] [--write FILE]
// Runs benches and prints their figures. Exits 1 if a figure misses its bar (bars.ts) or a bench
// fails. With --check it also exits 1 if a figure that has a bar was not measured.
//
// npm run bench -- steps --with-limit [--json] [--rounds N]
// Measures what a limit of tokens adds to a step.
//
// npm run bench -- [NAMES] --against FOLDER [--json] [--rounds N]
// Measures the checkout in FOLDER and this one in turn, without peers, and prints the ratios of new
// to old.

const AGAINST_ROUNDS = 3;

const options = readOptions();
await (options.against === undefined ? measure(options) : compare(options, options.against));

async function compare({ names, rounds, json }: Options, against: string): Promise<void> {
  const talk = (line: string): void => console.error(line);
  const order = { against, names, rounds: rounds ?? AGAINST_ROUNDS };
  const preparing = prepareComparison(order, talk);
  stopOnSignal(async () => (await preparing).stop());
  const comparison = await preparing.catch(exitWithUsageError);
  try {
    const lines = [...describeHost(), ...comparison.describe].join('\n');
    (json ? console.error : console.log)(lines);
    const broken = await comparison.run((figures) => {
      const text = json ? figures.map((one) => JSON.stringify(one)) : [formatComparison(figures)];
      console.log(text.join('\n'));
    });
    broken.forEach(talk);
    process.exitCode = broken.length > 0 ? 1 : 0;
  } finally {
    await comparison.stop();
  }
}

async function measure(options: Options): Promise<void> {
  const peers = options.peers ? installedPeers() : [];
  if (options.peers && peers.length < PEERS.length) {
    console.error(
      `Some peers are not installed and are omitted. To install them: ${INSTALL_PEERS}`,
    );
  }
  const server = await startServer(process.env.BENCH_PG_URL);
  stopOnSignal(() => server.stop());
  try {
    const machine = await describeMachine(server);
    const context: BenchContext = {
      server,
      talk: (line) => console.error(line),
      rounds: (usual) => options.rounds ?? usual,
      withLimit: options.withLimit,
      has: (system) => peers.includes(system),
    };
    const figures: JudgedFigure[] = [];
    const broken = await runBenches(options.names, context, (name, measured) => {
      figures.push(...measured);
      if (options.json) {
        console.log(measured.map((one) => JSON.stringify(one)).join('\n'));
      }
      if (options.write !== undefined) {
        const names = options.names.slice(0, options.names.indexOf(name) + 1);
        writeFileSync(
          options.write,
          formatDocument({ file: options.write, figures, peers, machine, names }),
        );
      }
    });
    if (!options.json) {
      console.log(`${machine.join('\n')}\n\n${formatTables(figures, peers)}`);
    }
    const failed = describeFailures(
      figures,
      options.check ? { benches: options.names, peers } : undefined,
    );
    for (const line of [...broken, ...failed]) {
      console.error(line);
    }
    process.exitCode = broken.length + failed.length > 0 ? 1 : 0;
  } finally {
    await server.stop();
  }
}

/** Calls `stop` when the process is to end, and then exits. */
function stopOnSignal(stop: () => Promise<void>): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stop().finally(() => process.exit(130)));
  }
}

function readOptions(): Options {
  try {
    return parseArguments(process.argv.slice(2), Object.keys(BENCHES));
  } catch (error) {
    return exitWithUsageError(error);
  }
}

function exitWithUsageError(error: unknown): never {
  console.error((error as Error).message);
  process.exit(2);
}
