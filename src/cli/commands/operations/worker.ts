import type { Command } from 'commander';
import { scopeTerm } from '../../input/scope-terms.ts';
import type { CliIo } from '../../output/output.ts';
import { megabytes } from '../../process/memory-limit.ts';
import { type ServeToolOptions, serve, withToolOptions } from '../../process/serve.ts';

/**
 * Registers `howdah worker`, which runs agents until it is stopped, or with `--once` until nothing
 * is due. Then it drains and hands over. With `--only` it takes only the runs of a tenant, an agent
 * or a workflow.
 */
export function register(command: Command, io: CliIo): void {
  withToolOptions(command)
    .option('--once', 'exit when no run is due')
    .option(
      '--only <kind=name>',
      'process only runs of tenant=SLUG, agent=NAME or workflow=NAME, with their child runs; may be repeated; fair sharing between tenants does not apply to these runs',
      scopeTerm,
    )
    .option(
      '--memory <megabytes>',
      'memory limit; above it, hand over the runs and exit with 1, so that a supervisor restarts the worker',
      megabytes,
    )
    .action((options: ServeToolOptions) => serve(io, { api: false, worker: true }, options));
}
