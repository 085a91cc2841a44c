import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { liveRuns } from '../../../db/queries/live-runs.ts';
import { listLiveRuns } from '../../../operations/runs/live-runs.ts';
import { callInDatabase, callOnServer } from '../../backend/call-operation.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { onEither } from '../../backend/on-either.ts';
import { type OperatorView, operatorView, showOperatorView } from '../../doctor/operator.ts';
import { parseWholeNumber } from '../../input/parse-number.ts';
import { type CliIo, printJson, printTable } from '../../output/output.ts';

type Options = { once?: true; every: number; limit: number };

const CLEAR = '\u001b[H\u001b[2J';

/**
 * Registers `howdah admin top`, which shows live runs, and for owners the alerts and the state of
 * the server. At a terminal it repeats until Ctrl-C.
 */
export function register(command: Command, io: CliIo): void {
  command
    .option('--once', 'print once and exit (default if stdout is not a terminal)')
    .option('--every <seconds>', 'refresh interval, in seconds', parseWholeNumber(1), 2)
    .option('--limit <number>', 'maximum number of runs', parseWholeNumber(1), 20)
    .option(...API_OPTION)
    .action(async (options: Options, self: Command) => {
      const takes = { query: { limit: options.limit } };
      await onEither(
        io,
        self,
        {},
        {
          server: (api) => repeat(io, options, () => callOnServer(api)(listLiveRuns, takes)),
          database: (database) =>
            repeat(io, options, async () => ({
              ...(await callInDatabase(database, undefined)(listLiveRuns, takes)),
              ...(database.isOwner ? await operatorView(database.pool) : {}),
            })),
        },
      );
    });
}

/** Shows what `read` returns: once, or at a terminal repeatedly. */
async function repeat(io: CliIo, { once, every }: Options, read: () => Promise<Seen>) {
  const isLive = io.isTerminal && !io.json && !once;
  const stop = new AbortController();
  if (isLive) io.onInterrupt(() => stop.abort());
  do {
    const seen = await read();
    if (isLive) io.write(CLEAR);
    show(io, seen);
    if (isLive) await sleep(every * 1_000, undefined, { signal: stop.signal }).catch(() => {});
  } while (isLive && !stop.signal.aborted);
}

type Seen = Awaited<ReturnType<typeof liveRuns>> & Partial<OperatorView>;

function show(io: CliIo, seen: Seen): void {
  if (io.json) {
    printJson(io, seen);
    return;
  }
  if (seen.queue.length === 0) io.err('There are no live runs.');
  printTable(io, seen.queue);
  if (seen.runs.length > 0) io.out('');
  printTable(io, seen.runs);
  const { alerts, database, slow_statements = null } = seen;
  if (alerts && database) showOperatorView(io, { alerts, database, slow_statements });
}
