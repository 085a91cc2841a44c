import type { Howdah } from '../bootstrap.ts';
import type { Config } from '../config.ts';
import { exitCodes } from './exit-codes.ts';
import type { CliIo } from './output.ts';

/** Which parts of Howdah a process runs. */
export type Parts = { api: boolean; worker: boolean };

/** Runs API, worker or both until the process is told to stop; the banner says where to reach what. */
export async function serve(io: CliIo, parts: Parts): Promise<void> {
  const { openHowdah } = await import('../bootstrap.ts');
  const config = await io.config();
  const howdah = await openHowdah(config, parts, io.err);
  io.err(banner(config, howdah, parts.worker));
  await new Promise<void>((resolve) => io.onInterrupt(resolve));
  if (parts.worker) {
    io.err(`Draining ${howdah.inFlight()} runs. Once more stops at once.`);
  }
  await howdah.close();
  io.setExitCode(exitCodes.ok);
}

function banner(config: Config, howdah: Howdah, hasWorker: boolean): string {
  const { apiUrl, isEmbedded } = howdah;
  const lines = [
    'Howdah is ready.',
    ...(apiUrl
      ? [
          `  GraphQL   ${apiUrl}/graphql${config.graphqlIntrospection ? `   (GraphiQL: ${apiUrl}/graphiql)` : ''}`,
          `  Health    ${apiUrl}/healthz`,
        ]
      : []),
    ...(hasWorker ? [`  Worker    up to ${config.workerConcurrency} runs at a time`] : []),
    `  Postgres  ${isEmbedded ? 'embedded; psql "$(npx howdah db url)"' : 'the one of DATABASE_URL'}`,
    `  Model     ${howdah.model}`,
  ];
  return lines.join('\n');
}
