/** How large the benches are that can be larger: by default small enough for one run of all, and settable to a million. */
const DEFAULTS = {
  BENCH_BULK_ROWS: 10_000,
  HISTORY_EXECUTIONS: 60_000,
  HISTORY_UPDATES: 100_000,
  QUEUED_RUNS: 50_000,
  PARKED_RUNS: 5_000,
};

type Size = keyof typeof DEFAULTS;

export function sizeOf(name: Size): number {
  return Number(process.env[name] ?? DEFAULTS[name]);
}

/** As a sentence has it. */
export function sizeText(name: Size): string {
  return sizeOf(name).toLocaleString('en');
}

/** What stands before a command that shall have these sizes again; empty when all are as they are by default. */
export function sizeAssignments(): string {
  return Object.entries(DEFAULTS)
    .filter(([name, size]) => sizeOf(name as Size) !== size)
    .map(([name]) => `${name}=${process.env[name]} `)
    .join('');
}
