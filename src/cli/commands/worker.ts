import type { Command } from 'commander';
import { scopeTerm } from '../input/scope-terms.ts';
import type { CliIo } from '../output/output.ts';
import { megabytes } from '../process/memory-limit.ts';
import { serve, type ToolOptions, withToolOptions } from '../process/serve.ts';

/**
 * Registers `howdah worker`, which runs agents until it is stopped, or with `--once` until nothing
 * is due. Then it drains and hands over. With `--only` it takes only the runs of a tenant, an agent
 * or a workflow.
 */
export function register(command: Command, io: CliIo): void {
  withToolOptions(command)
    .option('--once', 'end when nothing is due any more')
    .option(
      '--only <kind=name>',
      'take only runs of tenant=SLUG, agent=NAME or workflow=NAME, with all below them; may be repeated',
      scopeTerm,
    )
    .option(
      '--memory <megabytes>',
      'when it holds more: hand the runs over and end with 1, to be started anew',
      megabytes,
    )
    .action((options: ToolOptions) => serve(io, { api: false, worker: true }, options));
}
