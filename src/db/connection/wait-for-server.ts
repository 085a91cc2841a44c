import { setTimeout as pause } from 'node:timers/promises';
import { refusePooler } from './pooler-check.ts';
import { faultOf } from './sqlstate.ts';

/**
 * Errors that may pass: the server does not answer yet, its name is not known yet, it is starting
 * or stopping, or it has no free connection.
 */
const MAY_PASS =
  /^(ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|57P0[1-3]|53300)$/;
const PAUSE_MS = 250;

/**
 * Waits until the server accepts a connection, for at most `seconds`, and reports once that it
 * waits. Throws at once if waiting cannot help, such as for a rejected login or a missing database.
 * Throws other errors when the time limit is reached. Throws an abort error when `signal` fires.
 */
export async function waitForServer(
  url: string,
  seconds: number,
  talk: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const end = performance.now() + seconds * 1000;
  for (let isFirst = true; ; isFirst = false) {
    const error = await refusal(url);
    if (error === undefined) return;
    if (!MAY_PASS.test(codeOf(error)) || performance.now() >= end) throw error;
    if (isFirst) {
      const { host } = new URL(url);
      talk(`No server accepts connections at ${host} yet: waiting up to ${seconds} s.`);
    }
    await pause(PAUSE_MS, undefined, { signal });
  }
}

async function refusal(url: string): Promise<unknown> {
  try {
    await refusePooler(url, 'howdah-start');
    return undefined;
  } catch (error) {
    return error;
  }
}

/**
 * Returns the code of an error. A name with several addresses is tried at each address, and the
 * first error represents all of them.
 */
function codeOf(error: unknown): string {
  const [first] = error instanceof AggregateError ? error.errors : [];
  return faultOf(first ?? error).code;
}
