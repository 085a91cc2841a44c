import { checkAllRuns } from './checks/check-invariants.ts';
import {
  formatMarkdownTable,
  formatReport,
  type ReportLine,
  summarizeRecoveries,
  totalLine,
} from './checks/report.ts';
import { MODEL_FAULTS, planFaults } from './faults/faults.ts';
import { mountSmallDisk, type SmallDisk } from './faults/small-disk.ts';
import { type PlannedRun, planConversation, planRuns } from './load/plan.ts';
import { COVERED, SCENARIOS, type Scenario } from './matrix-rows.ts';
import type { Options } from './options.ts';
import { playRound, type RoundResult } from './play-round.ts';
import { openWorld, type World } from './world.ts';

/** Returns the scenarios of these rows, or all. Throws if a row is not played here. */
export function selectScenarios(rows: readonly number[]): readonly Scenario[] {
  const missing = rows.filter((row) => !SCENARIOS.some((scenario) => scenario.row === row));
  if (missing.length > 0) {
    const played = [...new Set(SCENARIOS.map(({ row }) => row))].join(', ');
    throw new Error(`--rows ${missing.join(',')}: no such row; rows are ${played}`);
  }
  return rows.length === 0 ? SCENARIOS : SCENARIOS.filter(({ row }) => rows.includes(row));
}

/**
 * Plays each fault of the matrix alone, in its own world, and prints the figures. Also prints the
 * tests that cover other rows. Returns whether all promises were kept.
 */
export async function playMatrix(options: Options, log: (line: string) => void): Promise<boolean> {
  const { seed, rows } = options;
  const lines: ReportLine[] = [];
  const breaches: string[] = [];
  for (const scenario of selectScenarios(rows)) {
    const disk = scenario.diskMb ? mountSmallDisk(scenario.diskMb) : undefined;
    if (typeof disk === 'string') {
      log(`row ${scenario.row}: ${scenario.fault}: skipped, ${disk}`);
      continue;
    }
    log(`row ${scenario.row}: ${scenario.fault}`);
    const played = await playScenario(scenario, options, disk).finally(() => disk?.unmount());
    for (const { kind, what } of played.result.breaches) {
      breaches.push(`row ${scenario.row}: ${kind}: ${what}`);
      log(`  ${kind}: ${what}`);
    }
    const line = totalLine(`${scenario.row} ${scenario.fault}`, [played.result], seed);
    lines.push({ ...line, injected: played.injected, recovery: played.recovery ?? line.recovery });
  }
  if (options.json) {
    for (const line of lines) console.log(JSON.stringify(line));
  } else {
    console.log(formatReport(lines));
    console.log(`\n${formatMarkdownTable(['row', 'fault', 'covered by'], COVERED)}`);
  }
  for (const breach of breaches) console.error(breach);
  return breaches.length === 0;
}

type ScenarioResult = { result: RoundResult; injected: number; recovery: ReportLine['recovery'] };

async function playScenario(
  scenario: Scenario,
  { seed, workers }: Options,
  disk: SmallDisk | undefined,
): Promise<ScenarioResult> {
  const {
    runs = 60,
    forMs = 12_000,
    everyMs = 2_000,
    faults = [],
    additionalCalls = [],
  } = scenario;
  const world = await openWorld({
    seed,
    workerCount: Math.min(workers, scenario.workers ?? 3),
    modelFaults: scenario.modelFaults ?? [],
    workerSettings: scenario.workerSettings,
    home: disk?.home,
  });
  try {
    world.model.probability = scenario.modelFaults ? 0.4 : 0;
    const plans = [
      ...planRuns(seed, 1, runs, forMs * 0.7),
      ...additionalCalls.map((tool, index): PlannedRun => {
        const conversation = planConversation(seed, `1.${runs + index}!${tool}`);
        return { ...conversation, at: 1_000, agent: 'clerk', control: { do: 'nothing' } };
      }),
    ];
    const during = scenario.during?.(world) ?? Promise.resolve(0);
    const round = await playRound(world, 1, plans, planFaults(seed, 1, forMs, everyMs, faults), {
      mayPoison: scenario.mayPoison ?? false,
    });
    const otherFaults = await during;
    round.breaches.push(...(await checkAllRuns(world)), ...((await scenario.after?.(world)) ?? []));
    return {
      result: round,
      injected:
        round.injected.length + otherFaults + additionalCalls.length + countModelFaults(world),
      recovery: summarizeRecoveries(round.injected),
    };
  } finally {
    await world.close();
  }
}

function countModelFaults({ model }: World): number {
  return MODEL_FAULTS.reduce((sum, kind) => sum + (model.faults.get(kind) ?? 0), 0);
}
