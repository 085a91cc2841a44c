import type { Step } from '../../../db/queries/queries.ts';
import type { Api } from '../connect-server.ts';
import { PAGE_SIZE } from '../pages.ts';
import { stepOf } from './server-runs.ts';

/** The wait for an announced step, in milliseconds. A replica may lag behind. */
const BEHIND_MS = 100;

/** A reader of the log of a run, which reads each step once. */
export type StepReader = {
  /** Returns the seq of the last step that was returned. */
  last(): number;
  /**
   * Returns the steps after the last one up to `seq`, which the stream has announced. Waits until
   * they are available.
   */
  upTo(seq: number, signal: AbortSignal): Promise<Step[]>;
};

/** Creates a function that returns the reader of a run. The top run starts after a step. */
export function createStepReaders(api: Api, top: string, after: number) {
  const readers = new Map<string, StepReader>();
  return (run: string): StepReader => {
    const reader = readers.get(run) ?? createStepReader(api, run, run === top ? after : 0);
    readers.set(run, reader);
    return reader;
  };
}

/** Creates a reader of the steps after a step. Steps that come early wait until they are due. */
function createStepReader(api: Api, id: string, after: number): StepReader {
  let last = after;
  let early: Step[] = [];
  return {
    last: () => last,
    async upTo(seq, signal) {
      if (seq <= last) return [];
      const known = early.at(-1)?.seq ?? last;
      if (known < seq)
        early.push(...(await readSteps(api, id, { after: known, upTo: seq }, signal)));
      const due = early.filter((step) => step.seq <= seq);
      early = early.slice(due.length);
      last = due.at(-1)?.seq ?? last;
      return due;
    },
  };
}

/** Reads the steps after a step. Waits until the step `upTo` is available. */
async function readSteps(
  api: Api,
  id: string,
  { after, upTo }: { after: number; upTo: number },
  signal: AbortSignal,
): Promise<Step[]> {
  const steps: Step[] = [];
  for (let last = after; ; ) {
    const query = { after: last, limit: PAGE_SIZE, said: 'true' } as const;
    const { data } = await api.call('listExecutionSteps', { params: { id }, query });
    steps.push(...data.map(stepOf));
    last = data.at(-1)?.seq ?? last;
    if (data.length === PAGE_SIZE) continue;
    if (last >= upTo || signal.aborted) return steps;
    await new Promise((resolve) => setTimeout(resolve, BEHIND_MS));
  }
}
