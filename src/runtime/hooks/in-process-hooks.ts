import type { HookEvent, HookEventName, Hooks } from '../../contracts/agents/hook.ts';
import { HOOK_EVENTS } from '../../contracts/agents/hook.ts';
import { HowdahError } from '../../contracts/errors.ts';
import { cloneJson } from '../../json/clone-json.ts';
import type { CallableHook, HookAnswer } from './hook-verdict.ts';

const TIMEOUT_MS = 5_000;

/** Name of the hooks of this process in error messages. */
const NAME = 'of this worker';

/**
 * Returns the hooks that a program gave to its worker. Throws when one of the hooks is for an
 * unknown event.
 */
export function inProcessHooks(hooks: Hooks, timeoutMs = TIMEOUT_MS): CallableHook[] {
  return Object.entries(hooks)
    .filter(([, run]) => run !== undefined)
    .map(([event, run]) => ({
      name: NAME,
      event: eventNamed(event),
      call: (hookEvent) => callOwn(run as (event: HookEvent) => unknown, hookEvent, timeoutMs),
    }));
}

function eventNamed(event: string): HookEventName {
  const found = HOOK_EVENTS.find((name) => name === event);
  if (!found) {
    throw new HowdahError('HWINV', `there is no hook named ${event}`, {
      hint: `The hooks are: ${HOOK_EVENTS.join(', ')}.`,
      detail: { field: 'hooks', event },
    });
  }
  return found;
}

async function callOwn(
  run: (event: HookEvent) => unknown,
  event: HookEvent,
  timeoutMs: number,
): Promise<HookAnswer> {
  const { promise: late, resolve } = Promise.withResolvers<HookAnswer>();
  const timer = setTimeout(
    () => resolve({ did: 'fail', message: `it took longer than ${timeoutMs} ms` }),
    timeoutMs,
  );
  try {
    return await Promise.race([answerOf(run, cloneJson(event)), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function answerOf(run: (event: HookEvent) => unknown, event: HookEvent): Promise<HookAnswer> {
  try {
    return { did: 'answer', answer: await run(event) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const isRefusal = (error as { code?: unknown } | null)?.code === 'HWDEN';
    return isRefusal ? { did: 'refuse', message } : { did: 'fail', message };
  }
}
