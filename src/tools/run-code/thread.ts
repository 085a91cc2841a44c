import { parentPort } from 'node:worker_threads';
import { interpret } from './interpreter.ts';
import type { CodeJob } from './job.ts';

// The whole program of a thread: a job comes in, a report goes out, one after the other. Its time begins when it is here,
// not while the thread starts.
parentPort?.on('message', (job: CodeJob) => {
  parentPort?.postMessage('begun');
  void interpret(job).then((report) => parentPort?.postMessage(report));
});
