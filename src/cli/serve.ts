import type { Command } from 'commander';
import type { Howdah } from '../bootstrap.ts';
import type { Config } from '../config.ts';
import { HowdahError } from '../contracts/errors.ts';
import { exitCodes } from './exit-codes.ts';
import type { CliIo } from './output.ts';

/** Which parts of Howdah a process runs. */
export type Parts = { api: boolean; worker: boolean };

/** What `start` and `worker` take of tools. */
export type ToolOptions = { tools?: string; watch?: boolean };

/** Adds those options to a command. */
export function withToolOptions(command: Command): Command {
  return command
    .option('--tools <folder>', 'also run the tools that the files of this folder export')
    .option('--watch', 'load a file of that folder anew when it changes, for development');
}

/** Runs API, worker or both until the process is told to stop; the banner says where to reach what. */
export async function serve(
  io: CliIo,
  parts: Parts,
  { tools, watch = false }: ToolOptions = {},
): Promise<void> {
  if (watch && tools === undefined) {
    throw new HowdahError('EUSAGE', '--watch is about the folder of tools, and there is none', {
      hint: 'Name it: --tools ./tools --watch',
    });
  }
  const { openHowdah } = await import('../bootstrap.ts');
  const config = await io.config();
  const howdah = await openHowdah(config, parts, io.err, {
    ...(tools === undefined ? {} : { toolFolder: { path: tools, watch } }),
  });
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
