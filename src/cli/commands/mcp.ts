import { Readable, Writable } from 'node:stream';
import { setInterval } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import type { Json } from '../../contracts/json.ts';
import { inTenant } from '../../db/agent-systems.ts';
import { followExecutions } from '../../db/follow.ts';
import { listMarks } from '../../db/mcp-sessions.ts';
import type { Caller, RunEvent } from '../../mcp-server/caller.ts';
import { type CliDatabase, withDatabase } from '../database.ts';
import { reportOf } from '../exit-codes.ts';
import type { CliIo } from '../output.ts';
import { helpAsWorker } from '../own-worker.ts';
import { TENANT_OPTION, tenantOf } from '../tenants.ts';

type McpOptions = { tenant?: string; onDisconnect: 'continue' | 'cancel' };

/** `howdah mcp`: agents and workflows as tools for the MCP client that has started this command. */
export function register(command: Command, io: CliIo): void {
  const onDisconnect = new Option(
    '--on-disconnect <what>',
    'what becomes of runs under way when the client closes its end',
  );
  command
    .option(...TENANT_OPTION)
    .addOption(onDisconnect.choices(['continue', 'cancel']).default('continue'))
    .action((options: McpOptions) => serve(io, options));
}

/** Standard output carries the protocol and nothing else. */
async function serve(io: CliIo, { tenant, onDisconnect }: McpOptions): Promise<void> {
  await withDatabase(io, async (database) => {
    const { id, slug } = await tenantOf(database.db, tenant);
    const { serveMcpStdio } = await import('../../mcp-server/stdio.ts');
    const stop = new AbortController();
    io.onInterrupt(() => stop.abort());
    await helpAsWorker(io, database, async () => {
      io.err(`MCP on standard input and output, for the tenant ${slug}.`);
      await serveMcpStdio({
        caller: callerOf(database, id),
        input: Readable.from(io.stdin as AsyncIterable<Buffer>, { objectMode: false }),
        output: streamOf(io),
        onDisconnect,
        signal: stop.signal,
        onError: (error) => io.err(`mcp: ${(error as Error).message}`),
      });
    });
  });
}

/** So often is looked how runs stand that the client wants to hear of. */
const LOOK_MS = 1_000;

function callerOf({ pool, url }: CliDatabase, tenantId: string): Caller {
  return {
    key: tenantId,
    transact: (work) => inTenant(pool, tenantId, work),
    follow: (id, signal) => follow(url, id, signal),
    announceUnanswered: async () => {}, // the one who is asked answers in this process
    explain: reportOf,
    lists: () => inTenant(pool, tenantId, listMarks),
    changes: (_id, signal) => setInterval(LOOK_MS, undefined, { signal, ref: false }),
    subscriptions: async () => new Map(), // the connection keeps what its client wants
    stillGood: async () => {},
  };
}

async function* follow(url: string, id: string, signal: AbortSignal): AsyncGenerator<RunEvent> {
  for await (const event of followExecutions(url, [id], 0, signal, { notes: true })) {
    if (event.type === 'step') {
      const { seq, kind, name, error } = event.step;
      yield { type: 'step', seq, kind, name, error: error as Json };
    } else if (event.type === 'questions') {
      yield { type: 'questions', questions: event.questions };
    } else if (event.type === 'note') {
      yield { type: 'note', note: event.note };
    } else {
      yield { type: event.type };
    }
  }
}

function streamOf(io: CliIo): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      io.write(String(chunk));
      done();
    },
  });
}
