import type { Command } from 'commander';
import { gradeRuns } from '../../../operations/quality/evaluations.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { parseWholeNumber } from '../../input/parse-number.ts';
import { moment } from '../../input/run-filters.ts';
import type { CliIo } from '../../output/output.ts';
import { checkGate, type GateOptions, waitForGate, withGate } from '../../quality/gate.ts';
import { show } from './eval-run.ts';

type Options = GateOptions & {
  tenant?: string;
  agent?: string;
  workflow?: string;
  version?: string;
  since?: Date;
  until?: Date;
  sample?: number;
  graders?: string[];
  api?: string;
};

/** Registers `howdah eval grade-runs DATASET`: grades runs that exist, and applies the gate. */
export function register(command: Command, io: CliIo): void {
  withGate(
    command
      .argument('<dataset>', 'name or id of the data set, which has the graders')
      .option('--agent <name>', 'the agent whose runs are graded')
      .option('--workflow <name>', 'the workflow whose runs are graded, in place of an agent')
      .option('--version <version>', 'number or label of a version (default: the current one)')
      .option(
        '--since <when>',
        'only runs created since this time: an age such as 7d, or a date such as 2026-12-01 (default: 1d)',
        moment,
      )
      .option('--until <when>', 'only runs created before this time (default: now)', moment)
      .option('--sample <number>', 'the most runs (default: 100)', parseWholeNumber(1, 10_000))
      .option('--graders <names...>', 'graders (default: those that need no item)'),
  ).action(async (dataset: string, options: Options) => {
    const { failUnder, worseThan, junit, markdown, stopAtLimit, ...others } = options;
    const { tenant, api, since, until, ...rest } = others;
    const gate = { failUnder, worseThan, junit, markdown, stopAtLimit } as GateOptions;
    const report = await withBackend(
      io,
      command,
      { ...(tenant && { tenant }) },
      async (backend) => {
        await checkGate(backend, rest, gate);
        const times = {
          ...(since && { since: since.toISOString() }),
          ...(until && { until: until.toISOString() }),
        };
        const started = await backend.call(gradeRuns, { body: { dataset, ...rest, ...times } });
        if (!io.json) io.err(`evaluation ${started.id}: ${started.items} runs`);
        return waitForGate(io, backend, started.id, gate);
      },
    );
    await show(io, report, gate);
  });
}
