import { parentPort } from 'node:worker_threads';
import type { ThreadReply, ThreadRequest } from './thread-pool.ts';
import { isOutOfTime, withinTime } from './within-time.ts';

// The program of a thread of `ThreadPool`: a request comes in, a reply goes out, one after the other. The time of a
// function begins when its module is loaded, not while the thread starts.

parentPort?.on('message', async (request: ThreadRequest) => {
  const reply = await replyTo(request);
  try {
    parentPort?.postMessage(reply);
  } catch (error) {
    parentPort?.postMessage(failed(error)); // a result that cannot be copied
  }
});

async function replyTo({ module, name, args, deadline_ms }: ThreadRequest): Promise<ThreadReply> {
  try {
    const exported = await import(module);
    parentPort?.postMessage('begun');
    // a thread that is interrupted keeps what it has compiled, one that is terminated has to begin again
    return { result: await withinTime(deadline_ms, () => exported[name](...args)) };
  } catch (error) {
    return isOutOfTime(error) ? { isLate: true } : failed(error);
  }
}

function failed(error: unknown): ThreadReply {
  const { message = String(error), code } = (error ?? {}) as { message?: string; code?: unknown };
  return { error: { message, code: typeof code === 'string' ? code : undefined } };
}
