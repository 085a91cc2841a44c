import type { Bench } from './bench.ts';
import { bulk } from './bulk.ts';
import { coldstart } from './coldstart.ts';
import { control } from './control.ts';
import type { Figure } from './figures.ts';
import { history } from './history.ts';
import { latency } from './latency.ts';
import { query } from './query.ts';
import { queued } from './queued.ts';
import { startServer } from './server.ts';
import { steps } from './steps.ts';
import { subscribers } from './subscribers.ts';
import { waiting } from './waiting.ts';

// npm run bench [-- names] [--json]: measures, prints, and exits 1 when a figure misses its bound.

const BENCHES: Record<string, Bench> = {
  steps,
  latency,
  control,
  bulk,
  coldstart,
  query,
  history,
  queued,
  subscribers,
  waiting,
};

const words = process.argv.slice(2);
const json = words.includes('--json');
const names = words.filter((word) => word !== '--json' && word !== 'all');
const unknown = names.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  console.error(
    `there is no bench ${unknown.join(', ')}; there are: ${Object.keys(BENCHES).join(', ')}`,
  );
  process.exit(2);
}

const server = await startServer(process.env.BENCH_PG_URL);
const figures: Figure[] = [];
try {
  for (const [name, bench] of Object.entries(BENCHES)) {
    if (names.length === 0 || names.includes(name)) {
      console.error(`── ${name}`);
      const found = await bench({ server, talk: (line) => console.error(`   ${line}`) });
      figures.push(...found);
      if (json) {
        console.log(found.map((one) => JSON.stringify(one)).join('\n'));
      }
    }
  }
} finally {
  await server.stop();
}
if (!json) {
  print(figures);
}
process.exitCode = figures.some((one) => one.holds === false) ? 1 : 0;

function print(rows: Figure[]): void {
  const width = Math.max(...rows.map((row) => row.figure.length));
  for (const { figure, value, unit, bound, holds } of rows) {
    const verdict = holds === null ? '' : holds ? 'holds' : 'MISSES';
    console.log(
      `${figure.padEnd(width)}  ${String(value).padStart(10)} ${unit.padEnd(5)}  ${(bound ?? '').padEnd(8)} ${verdict}`,
    );
  }
}
