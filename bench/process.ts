import { doOrder } from '../src/cli/process/isolated-child.ts';
import type { Judged } from './bars.ts';
import { BENCHES } from './benches.ts';
import { describeMachine } from './machine.ts';
import { runBenches } from './run.ts';
import { startServer } from './server.ts';

// What `howdah bench` does, in a process of its own: measures the engine alone, without peers.

export type BenchOrder = {
  names: readonly string[];
  /** Passes over those that this server's login may not run. */
  isAll: boolean;
  rounds?: number | undefined;
  /** The server to make databases on; without one an embedded server is made. */
  url?: string | undefined;
};

export type BenchNews =
  | { talk: string }
  | { machine: string[] }
  | { bench: string; figures: Judged[] }
  | { broken: string[] };

/** When it is left alone it ends with 130 as soon as nothing of it is there any more. */
const leave = [() => process.exit(130), () => process.exit(1)] as const;

await doOrder<BenchOrder, BenchNews>(async ({ names, isAll, rounds, url }, say) => {
  const talk = (line: string): void => say({ talk: line });
  const starting = startServer(url);
  process.once('disconnect', () => {
    starting.then((server) => server.stop()).then(...leave);
  });
  const server = await starting;
  try {
    say({ machine: await describeMachine(server) });
    const able = names.filter((name) => server.isSuperuser || !BENCHES[name]?.needsSuperuser);
    for (const name of isAll ? names.filter((one) => !able.includes(one)) : [])
      talk(`${name} needs the login of a superuser: left out`);
    const context = {
      server,
      talk,
      rounds: (usual: number) => rounds ?? usual,
      has: () => false,
    };
    const broken = await runBenches(isAll ? able : names, context, (bench, figures) =>
      say({ bench, figures }),
    );
    say({ broken });
  } finally {
    await server.stop();
  }
});
