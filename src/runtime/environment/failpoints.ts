import type { ArmedFailpoint, Failpoint } from '../../contracts/failpoint.ts';
import type { StepRecord, Transition } from '../../contracts/runs/step.ts';

let armed: ArmedFailpoint | undefined;
let hits = 0;

/** Arms one failpoint of this process; undefined disarms it. */
export function armFailpoint(failpoint: ArmedFailpoint | undefined): void {
  armed = failpoint;
  hits = 0;
}

/**
 * Acts as the failpoint of that name. Nothing happens unless the failpoint is armed and this is its
 * nth time. The caller must await the result.
 */
export function failpoint(name: Failpoint): Promise<void> | undefined {
  if (armed?.name !== name) {
    return undefined;
  }
  hits += 1;
  return hits === armed.nth ? fail(armed) : undefined;
}

/** Adds the failpoint in the middle of a stream to a sink of tokens. */
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

/** Acts as the failpoint before a commit. */
export function beforeCommit(to: Transition | undefined): Promise<void> | undefined {
  return failpoint(isEnd(to) ? 'finish.before' : 'step.commit.before');
}

/** Acts as the failpoints after a commit, depending on its effect. */
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
