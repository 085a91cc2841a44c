/**
 * The amounts of data of benches, by the environment variable that changes them. The defaults suit
 * a run of all benches. A variable can raise an amount to a million rows or more.
 */
const DEFAULTS = {
  BENCH_BULK_ROWS: 10_000,
  HISTORY_EXECUTIONS: 60_000,
  HISTORY_UPDATES: 100_000,
  QUEUED_RUNS: 50_000,
  PARKED_RUNS: 5_000,
  WATCHED_ROWS: 3_000,
  GRADED_RUNS: 2_000,
  CONSOLE_RUNS: 60_000,
  KNOWLEDGE_DOCUMENTS: 1_400,
  KNOWLEDGE_QUESTIONS: 60,
};

type DataSize = keyof typeof DEFAULTS;

/** Returns an amount of data: the environment variable, else the default. */
export function dataSize(name: DataSize): number {
  return Number(process.env[name] ?? DEFAULTS[name]);
}

/** Formats an amount for a sentence, as "10,000". */
export function formatDataSize(name: DataSize): string {
  return dataSize(name).toLocaleString('en');
}

/**
 * Formats the amounts that are not the defaults as assignments before a command, such as
 * `QUEUED_RUNS=1000000 `. Returns an empty string if all are defaults.
 */
export function formatSizeAssignments(): string {
  return Object.entries(DEFAULTS)
    .filter(([name, size]) => dataSize(name as DataSize) !== size)
    .map(([name]) => `${name}=${process.env[name]} `)
    .join('');
}
