import { readFileSync } from 'node:fs';

/** What one process noted of one step: appended to a file, so that it outlives a kill. */
export type StepNote = {
  what: 'begin' | 'end';
  run: string;
  index: number;
  at: number;
  pid: number;
};

export function stepLine(what: StepNote['what'], run: string, index: number): string {
  return `${what} ${run} ${index} ${Date.now()} ${process.pid}\n`;
}

/** The whole lines of a step log; the last one may be half written. */
export function readStepLog(file: string): StepNote[] {
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => {
    const [what, run = '', index, at, pid] = line.split(' ');
    return {
      what: what === 'begin' ? 'begin' : 'end',
      run,
      index: Number(index),
      at: Number(at),
      pid: Number(pid),
    };
  });
}

/** How many times the same step of the same run was begun, or ended, beyond the first. */
export function surplus(notes: readonly StepNote[], what: StepNote['what']): number {
  const these = notes.filter((note) => note.what === what);
  return these.length - new Set(these.map(({ run, index }) => `${run} ${index}`)).size;
}
