import {
  moduleBeside,
  ThreadFault,
  type ThreadFunction,
  type ThreadPool,
} from '../../../concurrency/thread-pool.ts';
import type { CodeFault, CodeJob, CodeReport } from '../job.ts';

const INTERPRET: ThreadFunction<[CodeJob], CodeReport> = {
  module: moduleBeside('./interpreter.ts', import.meta.url),
  name: 'interpret',
};

/**
 * Runs JavaScript in an interpreter in a thread; tenants take turns. The heap of the thread holds
 * only what a job prints and returns, since the interpreter has memory of its own. Rejects with the
 * reason of the signal; then nothing of the job runs any more.
 */
export function createJavascript(threads: ThreadPool) {
  return async (job: CodeJob, signal: AbortSignal, tenant: string): Promise<CodeReport> => {
    try {
      const call = { key: tenant, deadline_ms: job.timeout_ms, signal };
      return await threads.run(INTERPRET, [job], call);
    } catch (error) {
      if (signal.aborted) throw error;
      return { stdout: '', ...faultOf(error) };
    }
  };
}

function faultOf(error: unknown): CodeFault {
  const { code, message } = error as ThreadFault;
  if (error instanceof ThreadFault && code === 'deadline') return { fault: 'time', message: '' };
  if (error instanceof ThreadFault && code === 'memory') return { fault: 'memory', message: '' };
  return { fault: 'lost', message };
}
