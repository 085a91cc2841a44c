import { Readable, Writable } from 'node:stream';
import { setInterval } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import type { DecryptRows } from '../../../db/connection/decrypt-results.ts';
import { inTenant } from '../../../db/connection/pool.ts';
import { followExecutions } from '../../../db/feed/follow-runs.ts';
import { listMarks } from '../../../db/mcp/sessions.ts';
import type { Json } from '../../../json/json.ts';
import type { Caller, RunEvent } from '../../../mcp-server/caller.ts';
import { acceptTool } from '../../../operations/definitions/mcp-tools.ts';
import { mcpServers } from '../../../resources/definitions/mcp-servers.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withInlineWorker } from '../../backend/database/inline-worker.ts';
import { hintIfNotFound } from '../../backend/unknown-name.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { type CliDatabase, withDatabase } from '../../backend/with-database.ts';
import { TENANT_OPTION, tenantOf } from '../../input/resolve-tenant.ts';
import { resourceVerbs } from '../../nouns/resource-verbs.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import { reportOf } from '../../output/exit-codes.ts';
import { type CliIo, printJson } from '../../output/output.ts';

type AcceptOptions = { tenant?: string; digest?: string };
type McpOptions = { tenant?: string; onDisconnect: 'continue' | 'cancel' };

/**
 * Registers `howdah dev mcp [serve]`, which offers agents and workflows as tools to the MCP client
 * that has started this command. The other verbs are about the servers whose tools agents
 * use.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    {
      name: 'serve',
      summary: 'serve agents and workflows as tools to an MCP client, over stdin and stdout',
      register: registerServe,
    },
    ...resourceVerbs(mcpServers),
    {
      name: 'accept',
      summary: 'accept the current description of a tool, so that agents may use it',
      register: registerAccept,
    },
  ]);
}

function registerServe(command: Command, io: CliIo): void {
  const onDisconnect = new Option(
    '--on-disconnect <what>',
    'what to do with unfinished runs when the client disconnects',
  );
  command
    .option(...TENANT_OPTION)
    .addOption(onDisconnect.choices(['continue', 'cancel']).default('continue'))
    .action((options: McpOptions) => serve(io, options));
}

function registerAccept(command: Command, io: CliIo): void {
  command
    .argument('<server>', 'name of the MCP server')
    .argument('<tool>', 'name of the tool on its server')
    .option(
      '--digest <digest>',
      'accept only the description with this digest (a column of howdah.mcp_tools)',
    )
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action((server: string, tool: string, { tenant, digest }: AcceptOptions, self: Command) =>
      withBackend(io, self, { tenant }, async ({ definitions, call }) => {
        const { id } = await definitions.find(mcpServers, server);
        const hint = `List its tools: howdah dev mcp show ${server}`;
        const row = await call(acceptTool, { params: { id }, body: { tool, digest } }).catch(
          hintIfNotFound(hint),
        );
        if (io.json) printJson(io, row);
        else io.out(`${row.name} ${row.status}`);
      }),
    );
}

/** Serves MCP. Standard output carries the protocol and nothing else. */
async function serve(io: CliIo, { tenant, onDisconnect }: McpOptions): Promise<void> {
  await withDatabase(
    io,
    async (database) => {
      const { id, slug } = await tenantOf(database.db, tenant);
      const { serveMcpStdio } = await import('../../../mcp-server/transport/stdio.ts');
      const stop = new AbortController();
      io.onInterrupt(() => stop.abort());
      await withInlineWorker(io, database, async () => {
        io.err(`Serving MCP on standard input and output, for the tenant ${slug}.`);
        await serveMcpStdio({
          caller: callerOf(database, id),
          input: Readable.from(io.stdin as AsyncIterable<Buffer>, { objectMode: false }),
          output: streamOf(io),
          onDisconnect,
          signal: stop.signal,
          onError: (error) => io.err(`mcp: ${(error as Error).message}`),
        });
      });
    },
    { createsDatabase: true },
  );
}

/** The interval between two checks of the runs that the client subscribes to, in milliseconds. */
const POLL_MS = 1_000;

function callerOf({ pool, url, decrypt }: CliDatabase, tenantId: string): Caller {
  return {
    key: tenantId,
    transact: (work) => inTenant(pool, tenantId, work),
    follow: (id, signal) => follow(url, id, signal, decrypt),
    announceUnanswered: async () => {}, // the person who is asked answers in this process
    explain: reportOf,
    lists: () => inTenant(pool, tenantId, listMarks),
    changes: (_id, signal) => setInterval(POLL_MS, undefined, { signal, ref: false }),
    subscriptions: async () => new Map(), // the connection stores its subscriptions
    checkAccess: async () => {},
  };
}

async function* follow(
  url: string,
  id: string,
  signal: AbortSignal,
  decrypt: DecryptRows,
): AsyncGenerator<RunEvent> {
  for await (const event of followExecutions(url, [id], signal, { notes: true, decrypt })) {
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
