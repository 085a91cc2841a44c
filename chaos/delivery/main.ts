import { startApiProcess } from '../../bench/processes/api.ts';
import type { Figure } from '../../bench/figures.ts';
import { describeMachine } from '../../bench/machine.ts';
import { startServer } from '../../bench/server.ts';
import { type Options, readOptions, SOAKS, USAGE } from './options.ts';
import { testSubscribers } from './subscribers.ts';
import { testWebhooks } from './webhooks.ts';

// npm run soak -- [subscribers] [webhooks] [--clients N] [--runs N] [--seconds N] [--seed S] [--json]
// Prints what came of it, and exits 1 when anything was lost or came twice. BENCH_PG_URL names a server to use.

const PARTS = { subscribers: testSubscribers, webhooks: testWebhooks };

const options = optionsOrExit();
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
    console.error(`── ${name}: ${SOAKS[name]}`);
    const figures = await PARTS[name](context, options);
    for (const one of figures) console.log(options.json ? JSON.stringify(one) : line(one));
    if (figures.some(({ holds }) => holds === false)) process.exitCode = 1;
  }
} finally {
  await server.stop();
}

function line({ bench, figure, value, unit, bound, holds }: Figure): string {
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

function optionsOrExit(): Options {
  try {
    return readOptions(process.argv.slice(2), Date.now());
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}
