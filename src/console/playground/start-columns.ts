import type { storeFiles } from '../chat/attachments.ts';
import { messages } from '../messages/messages.ts';
import { Failure, toFailure } from '../server/failure.ts';
import { request } from '../server/graphql.ts';
import { askAgent, askWorkflow } from '../server/operations.generated.ts';
import { type Column, overridesOf } from './columns.ts';

export type Message = {
  content: string;
  parts: Awaited<ReturnType<typeof storeFiles>> | undefined;
};

/** The result of the start of a column: its run, or why there is none. */
export type Started = { run: string; failure?: undefined } | { run?: undefined; failure: Failure };

/**
 * Returns a key for the run of each column. A message that is sent again has the same keys, but a
 * column that was changed meanwhile has a new one. Equal columns may change places.
 */
export function keysOf(columns: readonly Column[], known: Map<string, string>): string[] {
  const seen = new Map<string, number>();
  return columns.map((column) => {
    const settings = JSON.stringify({ ...column, run: '' });
    const count = (seen.get(settings) ?? 0) + 1;
    seen.set(settings, count);
    const name = `${count} ${settings}`;
    const key = known.get(name) ?? crypto.randomUUID();
    known.set(name, key);
    return key;
  });
}

/** Starts the run of a column. One column that fails leaves the others. */
export async function startColumn(
  column: Column,
  { content, parts }: Message,
  key: string,
): Promise<Started> {
  const overrides = overridesOf(column);
  const shared = { input: content, metadata: { playground: true }, idempotencyKey: key };
  try {
    if (column.workflow !== '') {
      if (parts) throw new Failure(messages.playground.noFiles(column.workflow), 'HWINV');
      const { runWorkflow } = await request(askWorkflow, { workflow: column.workflow, ...shared });
      return { run: runWorkflow?.result?.id ?? '' };
    }
    const { run } = await request(askAgent, {
      agent: column.agent,
      ...shared,
      ...(parts && { inputParts: parts }),
      ...(column.version !== '' && { version: column.version }),
      ...(overrides && { overrides }),
    });
    return { run: run?.result?.id ?? '' };
  } catch (error) {
    return { failure: toFailure(error) };
  }
}

/** Throws if a column failed, so that its message stays to be sent again. */
export function refuseFailed(started: readonly Started[]): void {
  const first = started.find(({ failure }) => failure)?.failure;
  if (!first) return;
  const { someFailed, someFailedHint } = messages.playground;
  throw new Failure(someFailed, first.code, someFailedHint);
}
