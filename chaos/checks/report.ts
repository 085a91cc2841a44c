import type { FaultKind } from '../faults/faults.ts';
import type { RoundResult } from '../play-round.ts';
import type { Breach } from './breach.ts';

/** A line of the table: the results of one kind of fault, or the total. */
export type ReportLine = {
  fault: string;
  injected: number;
  runs: number | null;
  lost: number | null;
  doubled: number | null;
  repeated: number | null;
  /** Milliseconds: median, 99th percentile and maximum. */
  recovery: [number, number, number] | null;
  violations: number | null;
  seed: number;
};

/** Returns a line for each kind of fault that was injected, and a total. */
export function reportLines(rounds: readonly RoundResult[], seed: number): ReportLine[] {
  const injected = rounds.flatMap((round) => round.injected);
  const kinds = [...new Set(injected.map(({ kind }) => kind))].toSorted();
  const nothing = { runs: null, lost: null, doubled: null, repeated: null, violations: null };
  return [
    ...kinds.map((kind) => ({
      ...nothing,
      fault: kind,
      injected: injected.filter((one) => one.kind === kind).length,
      recovery: measuredRecovery(rounds, kind),
      seed,
    })),
    totalLine('all of them', rounds, seed),
  ];
}

/** Returns the total of some rounds, under a title. */
export function totalLine(fault: string, rounds: readonly RoundResult[], seed: number): ReportLine {
  const breaches = rounds.flatMap((round) => round.breaches);
  const sum = (select: (round: RoundResult) => number) =>
    rounds.reduce((total, round) => total + select(round), 0);
  const countBreaches = (...kinds: Breach['kind'][]) =>
    breaches.filter(({ kind }) => kinds.includes(kind)).length;
  return {
    fault,
    injected: sum((round) => round.injected.length),
    runs: sum((round) => round.runs),
    lost: countBreaches('lost', 'stuck', 'died'),
    doubled: countBreaches('doubled', 'zombie', 'asked too often'),
    repeated: sum((round) => round.repeated),
    recovery: measuredRecovery(rounds, 'kill'),
    violations: countBreaches('violation'),
    seed,
  };
}

/** Summarizes what was executed, in one sentence. */
export function summarizeRounds(rounds: readonly RoundResult[]): string {
  const sum = (select: (round: RoundResult) => number) =>
    rounds.reduce((total, round) => total + select(round), 0);
  return [
    `${sum(({ runs }) => runs)} runs and ${sum(({ children }) => children)} child runs`,
    `${sum(({ steps }) => steps)} steps`,
    `${sum(({ injected }) => injected.length)} faults`,
    `${sum(({ explained }) => explained)} runs failed because of a fault`,
    `${sum(({ encryptions }) => encryptions.encrypted)} encryptions of runs`,
    `${sum(({ encryptions }) => encryptions.decrypted)} decryptions`,
    `${sum(({ encryptions }) => encryptions.rotated)} changes of key`,
    `${(sum(({ seconds }) => seconds) / 60).toFixed(1)} minutes`,
  ].join(', ');
}

function measuredRecovery(rounds: readonly RoundResult[], kind: FaultKind): ReportLine['recovery'] {
  const faults = rounds.flatMap(({ injected }) => injected.filter((fault) => fault.kind === kind));
  return summarizeRecoveries(faults);
}

/** Returns median, 99th percentile and maximum of the recoveries; null if nothing recovered. */
export function summarizeRecoveries(
  faults: readonly { recovery: number | null }[],
): ReportLine['recovery'] {
  const times = faults.flatMap(({ recovery }) => recovery ?? []).toSorted((a, b) => a - b);
  const percentile = (part: number): number =>
    Math.round(times[Math.max(0, Math.ceil(part * times.length) - 1)] ?? 0);
  return times.length === 0 ? null : [percentile(0.5), percentile(0.99), percentile(1)];
}

const HEAD = [
  'fault',
  'injected',
  'runs',
  'lost',
  'doubled',
  'repeated calls',
  'recovery p50/p99/max',
  'violations',
  'seed',
];

/** Formats lines as a Markdown table. */
export function formatReport(lines: readonly ReportLine[]): string {
  const rows = lines.map((line) => [
    line.fault,
    line.injected,
    line.runs,
    line.lost,
    line.doubled,
    line.repeated,
    line.recovery ? `${line.recovery.join(' / ')} ms` : null,
    line.violations,
    line.seed,
  ]);
  return formatMarkdownTable(HEAD, rows);
}

/** Formats a Markdown table with aligned columns. */
export function formatMarkdownTable(
  head: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => String(cell ?? '')));
  const widths = head.map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0), 3),
  );
  const formatRow = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [first = [], ...others] = cells;
  const rule = widths.map((width) => '-'.repeat(width));
  return [formatRow(first), formatRow(rule), ...others.map(formatRow)].join('\n');
}
