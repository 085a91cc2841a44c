import { setTimeout as sleep } from 'node:timers/promises';
import type { Message } from '@a2a-js/sdk';
import type { Client } from '@a2a-js/sdk/client';
import type { Connection } from './connection.ts';
import type { TaskProgress } from './task-progress.ts';

const FIRST_POLL_MS = 500;
const MAX_POLL_MS = 10_000;
/** Most polls in a row that may fail before the task is given up. */
const MAX_FAILED_POLLS = 5;

export type PollOptions = {
  signal: AbortSignal;
  /** Returns whether a failed poll is worth another one. */
  isTransient(error: unknown): boolean;
};

/**
 * Sends a message and follows its task until the agent has answered or stopped. A stream that ends
 * early is subscribed to again, and then the task is polled.
 */
export async function followTask(
  { client, isStreaming }: Connection,
  message: Message,
  progress: TaskProgress,
  options: PollOptions,
): Promise<void> {
  const { signal } = options;
  const params = { tenant: '', message, configuration: undefined, metadata: undefined };
  if (!isStreaming) {
    const result = await client.sendMessage(params, { signal });
    if ('messageId' in result) progress.addMessage(result);
    else progress.addTask(result);
    return poll(client, progress, options);
  }
  await read(client.sendMessageStream(params, { signal }), progress, options);
  const isPartial = progress.isUnderWay || message.taskId !== '';
  if (progress.isUnderWay) {
    const { taskId: id } = progress;
    await read(client.resubscribeTask({ tenant: '', id }, { signal }), progress, options);
  }
  await poll(client, progress, options);
  if (!progress.hasStopped) throw new Error('The stream ended without an answer.');
  // A stream that began in the middle lacks what was before. The answer itself is already there.
  if (isPartial) await readTask(client, progress, signal).catch(() => {});
}

/** Reads a stream. Ignores that a stream breaks off if its task is known. */
async function read(
  events: ReturnType<Client['sendMessageStream']>,
  progress: TaskProgress,
  { signal }: PollOptions,
): Promise<void> {
  try {
    for await (const { payload } of events) {
      if (payload) progress.add(payload);
      if (progress.hasStopped) return;
    }
  } catch (error) {
    if (signal.aborted || !progress.isUnderWay) throw error;
  }
}

/** Polls a task with growing delays until it has stopped. */
async function poll(
  client: Client,
  progress: TaskProgress,
  { signal, isTransient }: PollOptions,
): Promise<void> {
  let failed = 0;
  for (let ms = FIRST_POLL_MS; progress.isUnderWay; ms = Math.min(ms * 2, MAX_POLL_MS)) {
    await sleep(ms, undefined, { signal });
    try {
      await readTask(client, progress, signal);
      failed = 0;
    } catch (error) {
      failed += 1;
      if (signal.aborted || failed === MAX_FAILED_POLLS || !isTransient(error)) throw error;
    }
  }
}

async function readTask(
  client: Client,
  progress: TaskProgress,
  signal: AbortSignal,
): Promise<void> {
  if (progress.taskId === '') return;
  progress.addTask(await client.getTask({ tenant: '', id: progress.taskId }, { signal }));
}
