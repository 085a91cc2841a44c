import type { ArmedFailpoint, Failpoint } from '../../contracts/failpoint.ts';
import type { StepRecord, Transition } from '../../contracts/runs/step.ts';

let armed: ArmedFailpoint | undefined;
let hits = 0;

/** Arms one failpoint of this process; undefined disarms it. */
export function armFailpoint(failpoint: ArmedFailpoint | undefined): void {
  armed = failpoint;
  hits = 0;
}

/** To be awaited at the place of that name: nothing happens there, but at the armed one at its nth time. */
export function failpoint(name: Failpoint): Promise<void> | undefined {
  if (armed?.name !== name) {
    return undefined;
  }
  hits += 1;
  return hits === armed.nth ? fail(armed) : undefined;
}

/** A sink of tokens in which the failpoint in the middle of a stream lies. */
export function midStream(
  sink: ((text: string) => void) | undefined,
): ((text: string) => void) | undefined {
  if (armed?.name !== 'model.midstream') {
    return sink;
  }
  return (text) => {
    failpoint('model.midstream');
    sink?.(text);
  };
}

/** The failpoint before a commit. */
export function beforeCommit(to: Transition | undefined): Promise<void> | undefined {
  return failpoint(isEnd(to) ? 'finish.before' : 'step.commit.before');
}

/** The failpoints behind a commit, by what it did. */
export async function afterCommit(
  records: readonly StepRecord[],
  to: Transition | undefined,
): Promise<void> {
  if (records.some((record) => record.child)) {
    await failpoint('child.inserted');
  }
  if (to?.status === 'waiting') {
    await failpoint('wait.entered');
  }
  await failpoint(isEnd(to) ? 'finish.after' : 'step.commit.after');
}

function isEnd(to: Transition | undefined): boolean {
  return to?.status === 'completed' || to?.status === 'failed';
}

function fail({ name, action }: ArmedFailpoint): Promise<void> {
  switch (action.do) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      return new Promise(() => {});
    case 'error':
      throw new Error(`the failpoint ${name} was hit`);
    case 'hang':
      return new Promise(() => {});
    case 'delay':
      return new Promise((resolve) => setTimeout(resolve, action.ms));
  }
}
