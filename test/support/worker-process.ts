// Runs a worker in its own process, for tests that kill, freeze and stop it. Prints `ready` on
// stdout. SIGTERM drains the worker; afterwards nothing may keep the process alive.
//
// With WAIT set, the process prints `loaded` and waits for a line on stdin, which names the
// failpoint to arm. A test can thus load the process during another test.

import { once } from 'node:events';
import { flushCompileCache } from 'node:module';
import type { CustomTool } from '../../src/contracts/agents/tool.ts';
import { parseFailpoint } from '../../src/contracts/failpoint.ts';
import { armFailpoint } from '../../src/runtime/environment/failpoints.ts';
import { kindTools } from '../chaos/kinds.ts';
import { bookingTools } from './booking.ts';
import { startTestWorker } from './worker.ts';

const parameters = { type: 'object' };

const tools: CustomTool[] = [
  ...kindTools,
  {
    name: 'kill_this_process',
    description: 'What a tool does that needs more memory than there is.',
    parameters,
    run() {
      process.kill(process.pid, 'SIGKILL');
      return new Promise(() => {});
    },
  },
  { name: 'wait_for_ever', description: '', parameters, run: () => new Promise(() => {}) },
  ...bookingTools,
];

flushCompileCache(); // a killed process would not write its cache
const {
  DATABASE_URL,
  OPENAI_BASE_URL,
  EGRESS_ALLOW,
  SCOPE,
  CONCURRENCY,
  WAKE_UP_SLOTS,
  WAIT,
  GRACE_MS = '10000',
} = process.env;
if (DATABASE_URL === undefined) {
  throw new Error('DATABASE_URL is missing');
}
if (WAIT !== undefined) {
  console.log('loaded');
  const [line] = await once(process.stdin, 'data');
  armFailpoint(parseFailpoint(String(line).trim()));
  process.stdin.destroy();
}
const worker = await startTestWorker(DATABASE_URL, {
  tools,
  alone: { graceMs: 0, aloneMs: 1_000 },
  egressAllow: EGRESS_ALLOW === undefined ? [] : [EGRESS_ALLOW],
  scope: SCOPE === undefined ? undefined : JSON.parse(SCOPE),
  ...(OPENAI_BASE_URL === undefined ? {} : { openai: OPENAI_BASE_URL }),
  ...(CONCURRENCY === undefined ? {} : { concurrency: Number(CONCURRENCY) }),
  ...(WAKE_UP_SLOTS === undefined ? {} : { wakeUpSlots: Number(WAKE_UP_SLOTS) }),
});
process.once('SIGTERM', () => void worker.stop(Number(GRACE_MS)));
console.log('ready');
