import { type Command, InvalidArgumentError } from 'commander';
import type { ScopeTerm } from '../../../db/worker/worker-scope.ts';
import type { CliIo } from '../../output/output.ts';
import { megabytes } from '../../process/memory-limit.ts';
import { type ServeToolOptions, serve, withToolOptions } from '../../process/serve.ts';

const KINDS = ['tenant', 'agent', 'workflow'] as const;

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

/** Parses one `--only kind=name` and appends it to the earlier terms. */
function scopeTerm(text: string, before: readonly ScopeTerm[] = []): ScopeTerm[] {
  const [, word, name] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  const kind = KINDS.find((one) => one === word);
  if (kind === undefined || !name) {
    throw new InvalidArgumentError(
      `Use tenant=SLUG, agent=NAME or workflow=NAME, such as --only tenant=acme.`,
    );
  }
  return [...before, { kind, name }];
}
