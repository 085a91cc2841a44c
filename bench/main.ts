import { writeFileSync } from 'node:fs';
import { startAgainst } from './against.ts';
import { type Options, parseArguments } from './arguments.ts';
import { failures, type Judged } from './bars.ts';
import type { BenchContext } from './bench.ts';
import { BENCHES } from './benches.ts';
import { documentOf } from './output/document.ts';
import { describeHost, describeMachine } from './machine.ts';
import { runBenches } from './run.ts';
import { startServer } from './server.ts';
import { INSTALL_PEERS, installedPeers, PEERS } from './systems.ts';
import { comparisonTable, textTable } from './output/table.ts';

// npm run bench [-- names] [--json] [--check] [--rounds N] [--no-peers] [--write FILE]
// Measures, prints, and exits 1 when a figure falls below its bar (bars.ts). --check also asks that every figure that
// has a bar was measured.
// npm run bench [-- names] --against FOLDER [--json] [--rounds N]
// Measures the checkout in FOLDER and this one in turn, without peers, and prints new over old.

const AGAINST_ROUNDS = 3;

const options = readOptions();
await (options.against === undefined ? measure(options) : compare(options, options.against));

async function compare({ names, rounds, json }: Options, against: string): Promise<void> {
  const talk = (line: string): void => console.error(line);
  const order = { against, names, rounds: rounds ?? AGAINST_ROUNDS };
  const starting = startAgainst(order, talk);
  stopOnSignal(async () => (await starting).stop());
  const sides = await starting.catch(refuse);
  try {
    const lines = [...describeHost(), ...sides.describe].join('\n');
    (json ? console.error : console.log)(lines);
    const broken = await sides.run((figures) => {
      const text = json ? figures.map((one) => JSON.stringify(one)) : [comparisonTable(figures)];
      console.log(text.join('\n'));
    });
    broken.forEach(talk);
    process.exitCode = broken.length > 0 ? 1 : 0;
  } finally {
    await sides.stop();
  }
}

async function measure(options: Options): Promise<void> {
  const peers = options.peers ? installedPeers() : [];
  if (options.peers && peers.length < PEERS.length) {
    console.error(`Peers that are not installed are skipped; to have them: ${INSTALL_PEERS}`);
  }
  const server = await startServer(process.env.BENCH_PG_URL);
  stopOnSignal(() => server.stop());
  try {
    const machine = await describeMachine(server);
    const context: BenchContext = {
      server,
      talk: (line) => console.error(line),
      rounds: (usual) => options.rounds ?? usual,
      has: (system) => peers.includes(system),
    };
    const figures: Judged[] = [];
    const broken = await runBenches(options.names, context, (name, found) => {
      figures.push(...found);
      if (options.json) {
        console.log(found.map((one) => JSON.stringify(one)).join('\n'));
      }
      if (options.write !== undefined) {
        const names = options.names.slice(0, options.names.indexOf(name) + 1);
        writeFileSync(
          options.write,
          documentOf({ file: options.write, figures, peers, machine, names }),
        );
      }
    });
    if (!options.json) {
      console.log(`${machine.join('\n')}\n\n${textTable(figures, peers)}`);
    }
    const failed = failures(figures, options.check ? { benches: options.names, peers } : undefined);
    for (const line of [...broken, ...failed]) {
      console.error(line);
    }
    process.exitCode = broken.length + failed.length > 0 ? 1 : 0;
  } finally {
    await server.stop();
  }
}

/** Stops what was started before the process ends. */
function stopOnSignal(stop: () => Promise<void>): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stop().finally(() => process.exit(130)));
  }
}

function readOptions(): Options {
  try {
    return parseArguments(process.argv.slice(2), Object.keys(BENCHES));
  } catch (error) {
    return refuse(error);
  }
}

function refuse(error: unknown): never {
  console.error((error as Error).message);
  process.exit(2);
}
