import type { Breach } from './check-evidence.ts';
import type { FaultKind } from '../faults/faults.ts';
import type { RoundResult } from '../play-round.ts';

/** A line of the table: of one kind of fault, or of all of them. */
export type ReportLine = {
  fault: string;
  injected: number;
  runs: number | null;
  lost: number | null;
  doubled: number | null;
  repeated: number | null;
  /** Milliseconds: p50, p99, max. */
  recovery: [number, number, number] | null;
  violations: number | null;
  seed: number;
};

/** What rounds came to: one line for each kind of fault that happened, and one for all of them. */
export function reportLines(rounds: readonly RoundResult[], seed: number): ReportLine[] {
  const injected = rounds.flatMap((round) => round.injected);
  const kinds = [...new Set(injected.map(({ kind }) => kind))].toSorted();
  const nothing = { runs: null, lost: null, doubled: null, repeated: null, violations: null };
  return [
    ...kinds.map((kind) => ({
      ...nothing,
      fault: kind,
      injected: injected.filter((one) => one.kind === kind).length,
      recovery: recoveryOf(rounds, kind),
      seed,
    })),
    totalLine('all of them', rounds, seed),
  ];
}

/** One line for all of these rounds. */
export function totalLine(fault: string, rounds: readonly RoundResult[], seed: number): ReportLine {
  const breaches = rounds.flatMap((round) => round.breaches);
  const sum = (of: (round: RoundResult) => number) =>
    rounds.reduce((all, round) => all + of(round), 0);
  const are = (...kinds: Breach['kind'][]) =>
    breaches.filter(({ kind }) => kinds.includes(kind)).length;
  return {
    fault,
    injected: sum((round) => round.injected.length),
    runs: sum((round) => round.runs),
    lost: are('lost', 'stuck', 'died'),
    doubled: are('doubled', 'zombie', 'asked too often'),
    repeated: sum((round) => round.repeated),
    recovery: recoveryOf(rounds, 'kill'),
    violations: are('violation'),
    seed,
  };
}

/** What was played, in a line. */
export function summarizeRounds(rounds: readonly RoundResult[]): string {
  const sum = (of: (round: RoundResult) => number) =>
    rounds.reduce((all, round) => all + of(round), 0);
  return `${sum(({ runs }) => runs)} runs and ${sum(({ children }) => children)} below them, ${sum(
    ({ steps }) => steps,
  )} steps, ${sum(({ injected }) => injected.length)} faults, ${sum(
    ({ explained }) => explained,
  )} runs failed for a reason that was injected, ${sum(
    ({ encryptions }) => encryptions.encrypted,
  )} runs encrypted, ${sum(({ encryptions }) => encryptions.decrypted)} decrypted and ${sum(
    ({ encryptions }) => encryptions.rotated,
  )} encrypted with another key, ${(sum(({ seconds }) => seconds) / 60).toFixed(1)} minutes`;
}

function recoveryOf(rounds: readonly RoundResult[], kind: FaultKind): ReportLine['recovery'] {
  const times = rounds
    .flatMap((round) => round.injected)
    .filter((one) => one.kind === kind && one.recovery !== null)
    .map((one) => one.recovery as number)
    .toSorted((a, b) => a - b);
  const at = (part: number): number =>
    Math.round(times[Math.max(0, Math.ceil(part * times.length) - 1)] as number);
  return times.length === 0 ? null : [at(0.5), at(0.99), at(1)];
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

/** The table as Markdown. */
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

export function formatMarkdownTable(
  head: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => String(cell ?? '')));
  const widths = head.map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0), 3),
  );
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [first = [], ...others] = cells;
  const rule = widths.map((width) => '-'.repeat(width));
  return [line(first), line(rule), ...others.map(line)].join('\n');
}
