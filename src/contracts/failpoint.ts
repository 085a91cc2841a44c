/**
 * The named places at which a worker can be made to fail. There is one at every point where a crash
 * could leave work half done. A test covers all of them, so every new commit point belongs in this
 * list.
 */
export const FAILPOINTS = [
  'claim.after',
  'context.loaded',
  'answer.applied',
  'model.before',
  'model.midstream',
  'model.after',
  'dry_run.after',
  'tool.before',
  'tool.after',
  'step.commit.before',
  'step.commit.after',
  'child.inserted',
  'wait.entered',
  'finish.before',
  'finish.after',
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

/**
 * The action at a failpoint: the process is killed, an error is thrown, the work hangs, or it
 * continues after a delay.
 */
export type FailpointAction =
  | { do: 'kill' }
  | { do: 'error' }
  | { do: 'hang' }
  | { do: 'delay'; ms: number };

export type ArmedFailpoint = { name: Failpoint; nth: number; action: FailpointAction };

/**
 * Parses `name[:nth]:kill|error|hang|delay=ms`. Returns undefined if the text is not a failpoint.
 * `nth` counts from 1, and defaults to 1.
 */
export function parseFailpoint(text: string): ArmedFailpoint | undefined {
  const match = /^([a-z._]+)(?::([1-9]\d{0,8}))?:(kill|error|hang|delay=(\d{1,7}))$/.exec(text);
  const name = FAILPOINTS.find((one) => one === match?.[1]);
  if (!match || !name) {
    return undefined;
  }
  const verb = match[3] as string;
  const action: FailpointAction = verb.startsWith('delay=')
    ? { do: 'delay', ms: Number(match[4]) }
    : { do: verb as 'kill' | 'error' | 'hang' };
  return { name, nth: Number(match[2] ?? 1), action };
}
