import { doOrder } from '../src/cli/process/isolated-child.ts';
import type { JudgedFigure } from './bars.ts';
import { BENCHES } from './benches.ts';
import { describeMachine } from './machine.ts';
import { runBenches } from './run-benches.ts';
import { startServer } from './server.ts';

// The child process of `howdah dev bench`. It measures the engine and the limits, without peers.

export type BenchOrder = {
  names: readonly string[];
  /**
   * Whether all benches were requested. Those that need a superuser are then omitted if necessary.
   */
  isAll: boolean;
  rounds?: number | undefined;
  /** The server on which databases are created. Without one an embedded server is started. */
  url?: string | undefined;
};

/** A message to the command. `broken` has a sentence for each bench that failed. */
export type BenchMessage =
  | { talk: string }
  | { machine: string[] }
  | { bench: string; figures: JudgedFigure[] }
  | { broken: string[] };

/** Handlers of a promise that exit with 130 (interrupted), or with 1 if cleaning up has failed. */
const exitAfterCleanup = [() => process.exit(130), () => process.exit(1)] as const;

await doOrder<BenchOrder, BenchMessage>(async ({ names, isAll, rounds, url }, say) => {
  const talk = (line: string): void => say({ talk: line });
  const starting = startServer(url);
  process.once('disconnect', () => {
    starting.then((server) => server.stop()).then(...exitAfterCleanup);
  });
  const server = await starting;
  try {
    say({ machine: await describeMachine(server) });
    const allowed = names.filter((name) => server.isSuperuser || !BENCHES[name]?.needsSuperuser);
    for (const name of isAll ? names.filter((one) => !allowed.includes(one)) : [])
      talk(`${name} is omitted, because it needs the login of a superuser`);
    const context = {
      server,
      talk,
      rounds: (usual: number) => rounds ?? usual,
      withLimit: false,
      has: () => false,
    };
    const broken = await runBenches(isAll ? allowed : names, context, (bench, figures) =>
      say({ bench, figures }),
    );
    say({ broken });
  } finally {
    await server.stop();
  }
});
