import { parentPort } from 'node:worker_threads';
import type { ThreadReply, ThreadRequest } from './thread-pool.ts';
import { watchMemory } from './threads/watch-memory.ts';
import { isOutOfTime, withinTime } from './within-time.ts';

// The program of a thread or process of `ThreadPool`. It answers one request after the other. The
// deadline of a function counts from when its module is loaded, not from the start of the thread.

if (parentPort) {
  parentPort.on('message', answer);
} else {
  process.on('message', answer);
  process.on('disconnect', () => process.exit());
  const memoryMb = process.argv[2];
  if (memoryMb !== undefined) watchMemory(Number(memoryMb));
  // the signals of a terminal reach all of its processes; the pool decides when this one ends
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
}

async function answer(request: ThreadRequest): Promise<void> {
  const reply = await replyTo(request);
  try {
    send(reply);
  } catch (error) {
    send(errorReply(error)); // a result that cannot be copied
  }
}

function send(reply: ThreadReply): void {
  if (parentPort) parentPort.postMessage(reply);
  else process.send?.(reply);
}

async function replyTo({ module, name, args, deadline_ms }: ThreadRequest): Promise<ThreadReply> {
  try {
    const exported = await import(module);
    send('started');
    // an interrupted thread keeps its compiled code; a terminated one starts from nothing
    const result = withinTime(deadline_ms, () => exported[name](...args));
    if (result instanceof Promise) send('awaiting'); // the pool limits the rest
    return { result: await result };
  } catch (error) {
    return isOutOfTime(error) ? { isLate: true } : errorReply(error);
  }
}

function errorReply(error: unknown): ThreadReply {
  const { message = String(error), code } = (error ?? {}) as { message?: string; code?: unknown };
  return { error: { message, code: typeof code === 'string' ? code : undefined } };
}
