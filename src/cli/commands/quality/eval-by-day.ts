import { type Command, Option } from 'commander';
import {
  listQualityByDay,
  type QualityOfDay,
  SOURCES,
} from '../../../operations/quality/quality-by-day.ts';
import { agents } from '../../../resources/definitions/agents.ts';
import { workflows } from '../../../resources/definitions/workflows.ts';
import { datasets } from '../../../resources/quality/datasets.ts';
import type { Backend } from '../../backend/backend.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { type CliIo, printJson, printTable } from '../../output/output.ts';
import { interval, rounded } from '../../quality/figures.ts';

type Options = {
  dataset?: string;
  agent?: string;
  workflow?: string;
  source?: (typeof SOURCES)[number];
  grader?: string;
  since?: string;
  until?: string;
};

/** Registers the verb `by-day`, which shows the quality of versions by day. */
export function registerByDay(command: Command, io: CliIo): void {
  command
    .option('--dataset <name>', 'results of this data set')
    .option('--agent <name>', 'results of this agent')
    .option('--workflow <name>', 'results of this workflow')
    .addOption(
      new Option('--source <source>', 'runs of items, or runs that exist').choices(SOURCES),
    )
    .option('--grader <name>', 'scores of this grader, or * of all (default: whole results)')
    .option('--since <day>', 'the first day in UTC, such as 2026-11-01 (default: 30 days)')
    .option('--until <day>', 'the last day in UTC (default: today)')
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (options: Options & { tenant?: string }) => {
      const { tenant, source, grader, since, until } = options;
      const shown = await withBackend(io, command, { ...(tenant && { tenant }) }, async (backend) =>
        backend.call(listQualityByDay, {
          query: {
            ...(source && { source }),
            ...(grader && { grader }),
            ...(since && { since }),
            ...(until && { until }),
            ...(await idsOf(backend, options)),
          },
        }),
      );
      if (io.json) printJson(io, shown);
      else if (shown.data.length === 0) io.err('No results on these days. See: howdah eval run');
      else printTable(io, shown.data.map(toLine));
    });
}

type Names = Pick<Options, 'dataset' | 'agent' | 'workflow'>;

/** Returns the ids of what is named. */
async function idsOf(
  { definitions }: Backend,
  { dataset, agent, workflow }: Names,
): Promise<{ dataset_id?: string; agent_id?: string; workflow_id?: string }> {
  return {
    ...(dataset && { dataset_id: String((await definitions.find(datasets, dataset)).id) }),
    ...(agent && { agent_id: String((await definitions.find(agents, agent)).id) }),
    ...(workflow && { workflow_id: String((await definitions.find(workflows, workflow)).id) }),
  };
}

const toLine = (row: QualityOfDay) => ({
  day: row.day,
  dataset: row.dataset,
  name: row.agent ?? row.workflow ?? '',
  version: row.version,
  split: row.split ?? '',
  source: row.source,
  grader: row.grader ?? '',
  results: row.results,
  pass_rate: interval(row.pass_rate, row.pass_rate_low, row.pass_rate_high),
  score: rounded(row.score),
  cost: rounded(row.cost, 6),
  cost_per_pass: rounded(row.cost_per_pass, 6),
});
