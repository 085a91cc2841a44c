import { parentPort } from 'node:worker_threads';
import type { ThreadReply, ThreadRequest } from './thread-pool.ts';
import { isOutOfTime, withinTime } from './within-time.ts';

// The program of a thread of `ThreadPool`. It answers one request after the other. The deadline of
// a function counts from when its module is loaded, not from the start of the thread.

parentPort?.on('message', async (request: ThreadRequest) => {
  const reply = await replyTo(request);
  try {
    parentPort?.postMessage(reply);
  } catch (error) {
    parentPort?.postMessage(errorReply(error)); // a result that cannot be copied
  }
});

async function replyTo({ module, name, args, deadline_ms }: ThreadRequest): Promise<ThreadReply> {
  try {
    const exported = await import(module);
    parentPort?.postMessage('started');
    // an interrupted thread keeps its compiled code; a terminated one starts from nothing
    return { result: await withinTime(deadline_ms, () => exported[name](...args)) };
  } catch (error) {
    return isOutOfTime(error) ? { isLate: true } : errorReply(error);
  }
}

function errorReply(error: unknown): ThreadReply {
  const { message = String(error), code } = (error ?? {}) as { message?: string; code?: unknown };
  return { error: { message, code: typeof code === 'string' ? code : undefined } };
}
