import { readFileSync } from 'node:fs';

// Processes append the begin and end of each step to a file, so that the log survives a kill.

/** The begin or end of a step, in the process `pid`. */
export type StepLogEntry = {
  event: 'begin' | 'end';
  run: string;
  index: number;
  at: number;
  pid: number;
};

/** Formats a line of the log, for this process and the current time. */
export function formatStepLine(event: StepLogEntry['event'], run: string, index: number): string {
  return `${event} ${run} ${index} ${Date.now()} ${process.pid}\n`;
}

/** Reads the complete lines of a log. The last line may be incomplete. */
export function readStepLog(file: string): StepLogEntry[] {
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => {
    const [event, run = '', index, at, pid] = line.split(' ');
    return {
      event: event === 'begin' ? 'begin' : 'end',
      run,
      index: Number(index),
      at: Number(at),
      pid: Number(pid),
    };
  });
}

/** Counts the begins, or the ends, of steps beyond the first of each step. */
export function countRepeats(
  entries: readonly StepLogEntry[],
  event: StepLogEntry['event'],
): number {
  const counted = entries.filter((entry) => entry.event === event);
  return counted.length - new Set(counted.map(({ run, index }) => `${run} ${index}`)).size;
}
