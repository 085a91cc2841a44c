import { MODEL_FAULTS, planFaults } from './faults/faults.ts';
import { COVERED, SCENARIOS, type Scenario } from './matrix-rows.ts';
import type { Options } from './options.ts';
import { planConversation, type PlannedRun, planRuns } from './load/plan.ts';
import { type ReportLine, formatMarkdownTable, formatReport, totalLine } from './checks/report.ts';
import { playRound, type RoundResult } from './play-round.ts';
import { checkAllRuns } from './checks/check-all-runs.ts';
import { mountSmallDisk, type SmallDisk } from './faults/small-disk.ts';
import { openWorld, type World } from './world.ts';

/**
 * The fault matrix: each fault alone, with figures, in a world of its own; and where a test of the suite holds a row
 * already, its name. False when any promise was broken.
 */
export async function playMatrix(options: Options, log: (line: string) => void): Promise<boolean> {
  const { seed } = options;
  const lines: ReportLine[] = [];
  const breaches: string[] = [];
  const { rows } = options;
  for (const scenario of SCENARIOS.filter(({ row }) => rows.length === 0 || rows.includes(row))) {
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
    console.log(`\n${formatMarkdownTable(['row', 'fault', 'held by'], COVERED)}`);
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
  const { runs = 60, forMs = 12_000, everyMs = 2_000, faults = [], special = [] } = scenario;
  const world = await openWorld({
    seed,
    workers: Math.min(workers, scenario.workers ?? 3),
    modelFaults: scenario.modelFaults ?? [],
    place: scenario.place,
    home: disk?.home,
  });
  try {
    world.model.probability = scenario.modelFaults ? 0.4 : 0;
    const plans = [
      ...planRuns(seed, 1, runs, forMs * 0.7),
      ...special.map((tool, index): PlannedRun => {
        const conversation = planConversation(seed, `1.${runs + index}!${tool}`);
        return { ...conversation, at: 1_000, agent: 'clerk', control: { do: 'nothing' } };
      }),
    ];
    const during = scenario.during?.(world) ?? Promise.resolve(0);
    const round = await playRound(
      world,
      1,
      plans,
      planFaults(seed, 1, forMs, everyMs, faults),
      scenario.mayPoison ? { poison: true } : {},
    );
    const others = await during;
    round.breaches.push(...(await checkAllRuns(world)), ...((await scenario.after?.(world)) ?? []));
    return {
      result: round,
      injected: round.injected.length + others + special.length + faultsOf(world),
      recovery: recoveryOf(round),
    };
  } finally {
    await world.close();
  }
}

function faultsOf({ model }: World): number {
  return MODEL_FAULTS.reduce((sum, kind) => sum + (model.faults.get(kind) ?? 0), 0);
}

function recoveryOf({ injected }: RoundResult): ReportLine['recovery'] {
  const times = injected.flatMap(({ recovery }) => recovery ?? []).toSorted((a, b) => a - b);
  const at = (part: number): number =>
    Math.round(times[Math.max(0, Math.ceil(part * times.length) - 1)] ?? 0);
  return times.length === 0 ? null : [at(0.5), at(0.99), at(1)];
}
