import { once } from 'node:events';
import { writeFileSync, writeSync } from 'node:fs';
import { runIsolated } from '../../workers/isolation/run-isolated.ts';
import { openTools } from '../../workers/registered-tools.ts';
import { workerOptions } from '../open-worker.ts';
import { openTelemetry } from '../telemetry.ts';
import { surviveToolErrors } from '../tools/custom/uncaught-tool-errors.ts';
import type { IsolatedCommand, IsolatedOrder, IsolatedReport } from './isolated-process.ts';
import { startWatchdog } from './watchdog.ts';

// The program of a process that runs one suspect: see isolated-process.ts. It hands the run over
// when it is told to stop, and when the process that started it has ended.

/** The time after which a process whose event loop stands still is ended. */
const SILENT_MS = 15_000;
const stopping = new AbortController();
const stop = (): void => stopping.abort();
process.on('disconnect', stop);
// A terminal sends Ctrl-C to both processes. The other one tells this one to stop.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

startWatchdog(SILENT_MS);
volunteerForOutOfMemory();
const [first] = (await once(process, 'message')) as [IsolatedCommand];
process.on('message', (command: IsolatedCommand) => {
  if (command.do === 'stop') stop();
});
if (first.do === 'run') await run(first.order);
process.exit();

async function run({ url, config: given, run, toolFolder, sendsLog }: IsolatedOrder) {
  const config = { ...given, metricsPort: undefined }; // the port belongs to the other process
  const sink = sendsLog ? { write: (line: string) => void writeSync(2, line) } : undefined;
  const telemetry = await openTelemetry(url, config, { sink });
  const tools = await openTools(
    url,
    toolFolder === undefined ? {} : { toolFolder: { path: toolFolder, watch: false } },
    (line) => telemetry.log.debug(line),
  );
  if (toolFolder !== undefined) surviveToolErrors((line) => telemetry.log.error(line));
  const options = await workerOptions(url, config, telemetry, { tools: tools.all() });
  process.send?.('ready' satisfies IsolatedReport);
  await runIsolated(options, run, stopping.signal);
  await telemetry.close();
}

/** Lets Linux end this process first when memory runs out, and not the one that started it. */
function volunteerForOutOfMemory(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch {
    // not Linux, or not permitted
  }
}
