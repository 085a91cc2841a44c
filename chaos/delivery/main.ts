import type { Figure } from '../../bench/figures.ts';
import { describeMachine } from '../../bench/machine.ts';
import { startApiProcess } from '../../bench/processes/api.ts';
import { startServer } from '../../bench/server.ts';
import { DELIVERY_TESTS, type Options, readOptions, USAGE } from './options.ts';
import { testSubscribers } from './subscribers.ts';
import { testWebhooks } from './webhooks.ts';

// npm run soak: tests that every event is delivered once, although clients are disconnected and
// receivers fail. Prints the figures, and exits with 1 if one breaks its bound. BENCH_PG_URL names
// a server to use instead of an embedded one.

const TESTS = { subscribers: testSubscribers, webhooks: testWebhooks };

const options = readOptionsOrExit();
const server = await startServer(process.env.BENCH_PG_URL);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void server.stop().finally(() => process.exit(130)));
}
try {
  const context = {
    server,
    startApi: startApiProcess,
    log: (line: string) => console.error(`   ${line}`),
  };
  if (!options.json) console.log(`${(await describeMachine(server)).join('\n')}\n`);
  for (const name of options.names) {
    console.error(`── ${name}: ${DELIVERY_TESTS[name]}`);
    const figures = await TESTS[name](context, options);
    for (const figure of figures) {
      console.log(options.json ? JSON.stringify(figure) : formatFigure(figure));
    }
    if (figures.some(({ holds }) => holds === false)) process.exitCode = 1;
  }
} finally {
  await server.stop();
}

function formatFigure({ bench, figure, value, unit, bound, holds }: Figure): string {
  const verdict = holds === null ? '' : holds ? 'holds' : 'BROKEN';
  return [
    bench.padEnd(12),
    figure.padEnd(20),
    String(value).padStart(9),
    unit.padEnd(6),
    (bound ?? '').padEnd(6),
    verdict,
  ]
    .join(' ')
    .trimEnd();
}

function readOptionsOrExit(): Options {
  try {
    return readOptions(process.argv.slice(2), Date.now());
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}
