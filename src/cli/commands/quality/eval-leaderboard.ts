import { type Command, Option } from 'commander';
import { type Contender, leaderboard, MEASURES } from '../../../operations/quality/leaderboard.ts';
import { datasets } from '../../../resources/quality/datasets.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { type CliIo, printJson, printTable } from '../../output/output.ts';
import { interval, rounded } from '../../quality/figures.ts';

type Options = { tenant?: string; split?: string; measure: (typeof MEASURES)[number] };

/** Registers the verb `leaderboard`, which ranks what was evaluated on a data set. */
export function registerLeaderboard(command: Command, io: CliIo): void {
  command
    .argument('<dataset>', 'name or id of the data set')
    .option('--split <split>', 'evaluations of this split (default: of all items)')
    .addOption(
      new Option('--measure <measure>', 'what they are ranked by')
        .choices(MEASURES)
        .default('score'),
    )
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (name: string, { split, measure, ...options }: Options) => {
      const shown = await withBackend(io, command, options, async ({ call, definitions }) => {
        const { id } = await definitions.find(datasets, name);
        const query = { measure, ...(split !== undefined && { split }) };
        return call(leaderboard, { params: { id: String(id) }, query });
      });
      if (io.json) printJson(io, shown);
      else if (shown.data.length === 0) io.err('No completed evaluations. See: howdah eval run');
      else printTable(io, linesOf(shown.data));
    });
}

/** Returns the lines of a table. Figures of confidence are shown if an answer states one. */
function linesOf(contenders: readonly Contender[]) {
  const hasConfidence = contenders.some(({ confidence }) => confidence !== null);
  return contenders.map((row) => ({
    ...toLine(row),
    ...(hasConfidence && {
      confidence: rounded(row.confidence),
      calibration_error: rounded(row.calibration_error),
      brier_score: rounded(row.brier_score),
    }),
  }));
}

const toLine = (row: Contender) => ({
  rank: row.rank,
  name: row.name,
  version: row.version,
  model: row.model ?? '',
  overrides: row.overrides === null ? '' : JSON.stringify(row.overrides),
  items: row.items,
  pass_rate: interval(row.pass_rate, row.pass_rate_low, row.pass_rate_high),
  score: rounded(row.score),
  cost: rounded(row.cost, 6),
  latency_ms: rounded(row.latency_ms, 0),
  flaky_items: row.flaky_items,
  strength: rounded(row.strength),
  verdict: row.verdict ?? '',
  front: row.is_on_front ? 'yes' : '',
});
