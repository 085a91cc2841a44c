import type { ToolDefinition } from '../../contracts/definition.ts';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import type { Json, JsonObject } from '../../contracts/json.ts';
import type { ToolContext, ToolOutcome } from '../../contracts/tool.ts';
import { ended } from '../custom.ts';
import { McpConnection } from './connection.ts';
import { failureOf, lost, unsent } from './failures.ts';
import { type LineOptions, lineTo } from './line.ts';
import type { Listing, McpServer } from './server.ts';

/** The first start of a command may have to load it from somewhere. */
const OPEN_MS = 60_000;
const IDLE_MS = 15 * 60_000;
/** A connection that ends sooner has failed. */
const STEADY_MS = 10_000;
const SOON_MS = 250;
const BACK_OFF_MS = 1_000;
const MOST_BACK_OFF_MS = 60_000;

/** What is kept of servers. */
export type McpRows = {
  /** Undefined when it is not active, not there, or another tenant's. */
  find(tenantId: string, id: string): Promise<McpServer | undefined>;
  /** Gives what is not accepted. */
  record(server: McpServer, listing: Listing): Promise<Json[]>;
  fail(server: McpServer, reason: string): Promise<void>;
};

export type McpPoolOptions = LineOptions & {
  rows: McpRows;
  log: { warn(about: object, message: string): void };
};

/** The connections of this process to MCP servers: one for each row that is used. */
export type McpPool = {
  /** Never throws. A tool that is not what its version pinned is not called. */
  call(tool: ToolDefinition, args: JsonObject, context: ToolContext): Promise<ToolOutcome>;
  /** Asks a server what it offers, and keeps that. Never throws. */
  discover(server: McpServer): Promise<void>;
  close(): Promise<void>;
};

type Held = { revision: string; opening: Promise<Outcome<McpConnection>>; open?: McpConnection };
type Failed = { revision: string; times: number; until: number; error: RunError };

export function createMcpPool(options: McpPoolOptions): McpPool {
  const { rows, log } = options;
  const held = new Map<string, Held>();
  const failed = new Map<string, Failed>();
  const asking = new Map<string, Promise<void>>();
  const all = new Set<McpConnection>();
  const soon = new Set<McpConnection>();

  /** The next attempt waits for longer each time. */
  const backOff = (server: McpServer, error: RunError): void => {
    const times = (failed.get(server.id)?.times ?? 0) + 1;
    const until = Date.now() + Math.min(BACK_OFF_MS * 2 ** (times - 1), MOST_BACK_OFF_MS);
    failed.set(server.id, { revision: server.revision, times, until, error });
  };

  const ask = async (server: McpServer, connection: McpConnection): Promise<void> => {
    const listing = await connection.list(AbortSignal.timeout(OPEN_MS));
    const open = await rows.record(server, listing).catch((err) => {
      log.warn({ err, server: server.name }, 'the tools of an MCP server could not be kept');
      return []; // the job that asked stands in the queue until they are
    });
    if (open.length > 0) {
      log.warn({ server: server.name, tools: open }, 'tools of an MCP server wait to be accepted');
    }
  };

  /** One at a time for each server. One that does not say what it offers any more is not called, but begun again. */
  const askAgain = (server: McpServer, connection: McpConnection): Promise<void> => {
    const before = asking.get(server.id) ?? Promise.resolve();
    const next = before
      .then(() => ask(server, connection))
      .catch((error) => {
        const reason = connection.mask(failureOf(error, server.name).message);
        log.warn({ server: server.name, reason }, 'an MCP server did not say its tools');
        return connection.close();
      });
    asking.set(server.id, next);
    void next.then(() => void (asking.get(server.id) === next && asking.delete(server.id)));
    return next;
  };

  /** A server may say so as often as it likes: it is asked again some time later, and not while it is being asked. */
  const askSoon = (server: McpServer, connection: McpConnection): void => {
    if (soon.has(connection)) return;
    soon.add(connection);
    setTimeout(() => {
      soon.delete(connection);
      if (!connection.isOpen || !connection.isStale) return;
      if (asking.has(server.id)) askSoon(server, connection);
      else void askAgain(server, connection);
    }, SOON_MS).unref();
  };

  const open = async (server: McpServer, entry: Held): Promise<Outcome<McpConnection>> => {
    const line = await lineTo(server, options);
    if (!line.ok) return line;
    const connection = new McpConnection(server.name, line.value);
    all.add(connection);
    try {
      const signal = AbortSignal.timeout(OPEN_MS);
      await connection.open(signal);
      const since = Date.now();
      connection.onClosed = (byServer) => {
        all.delete(connection);
        if (held.get(server.id) === entry) {
          held.delete(server.id);
          if (byServer && Date.now() - since < STEADY_MS) {
            backOff(server, failureOf(new Error('it ended'), server.name));
          }
        }
      };
      entry.open = connection;
      await ask(server, connection);
      connection.onToolsChanged = () => askSoon(server, connection);
      return { ok: true, value: connection };
    } catch (error) {
      all.delete(connection);
      void connection.close();
      const failure = failureOf(error, server.name);
      const said = connection.stderr && ` (it wrote: ${connection.stderr})`;
      log.warn({ server: server.name, reason: failure.message + said }, 'no MCP server there');
      return { ok: false, error: { ...failure, message: connection.mask(failure.message) } };
    }
  };

  const hold = (server: McpServer): Held => {
    const entry: Held = { revision: server.revision, opening: undefined as never };
    entry.opening = open(server, entry).then(async (outcome) => {
      if (outcome.ok) {
        failed.delete(server.id);
        return outcome;
      }
      if (held.get(server.id) === entry) held.delete(server.id);
      backOff(server, outcome.error);
      await rows.fail(server, outcome.error.message).catch(() => {});
      return outcome;
    });
    held.set(server.id, entry);
    return entry;
  };

  const acquire = async (server: McpServer): Promise<Outcome<McpConnection>> => {
    const known = held.get(server.id);
    if (known && known.revision === server.revision) {
      return known.opening;
    }
    if (known) {
      held.delete(server.id); // what was begun with the row as it was goes on
      void known.opening.then((outcome) => outcome.ok && outcome.value.retire());
    }
    const failure = failed.get(server.id);
    if (failure?.revision === server.revision && failure.until > Date.now()) {
      const retry_after_ms = failure.until - Date.now();
      return { ok: false, error: { ...failure.error, retryable: true, retry_after_ms } };
    }
    return hold(server).opening;
  };

  const idle = setInterval(() => {
    for (const [id, { open }] of held) {
      if (open && open.inFlight === 0 && Date.now() - open.usedAt > IDLE_MS) {
        held.delete(id);
        void open.close();
      }
    }
  }, 60_000).unref();

  return {
    async call(tool, args, context) {
      const name = String(tool.configuration.tool);
      const server = await rows.find(context.tenant_id, tool.server_id ?? '').catch(() => null);
      if (server === null) {
        const message = `what is known of the MCP server of ${tool.name} cannot be read now`;
        const error = { code: 'unreachable', message, retryable: true } as const;
        return { ok: false, error: unsent(tool.name, error) };
      }
      if (!server) {
        return refused(`the MCP server of ${tool.name} is not there or not active`);
      }
      const connection = await unlessAborted(acquire(server), context.signal);
      if (!connection.ok) {
        return { ok: false, error: unsent(server.name, connection.error) };
      }
      if (connection.value.isStale) {
        const asked = askAgain(server, connection.value).then(() => connection);
        const heard = await unlessAborted(asked, context.signal);
        if (!heard.ok) return { ok: false, error: unsent(server.name, heard.error) };
        if (!connection.value.isOpen) {
          const error = lost(server.name, `${server.name} did not say its tools`);
          return { ok: false, error: unsent(server.name, error) };
        }
      }
      const digest = connection.value.digests.get(name);
      if (digest !== tool.configuration.digest) {
        return refused(
          digest === undefined
            ? `${server.name} no longer offers ${name}`
            : `${server.name} says something else of ${name} than what was accepted: an admin has to accept it (howdah.accept_mcp_tool)`,
        );
      }
      return connection.value.call(name, args, context);
    },
    async discover(server) {
      const known = held.get(server.id)?.open;
      const connection = await acquire(server); // a new one is asked as it opens
      if (connection.ok && connection.value === known) {
        await askAgain(server, connection.value);
      }
    },
    async close() {
      clearInterval(idle);
      held.clear();
      await Promise.all([...all].map((connection) => connection.close().catch(() => {})));
    },
  };
}

function refused(message: string): ToolOutcome {
  return { ok: false, error: { code: 'tool_failed', message, retryable: false } };
}

/** Opening goes on for the others who wait. */
async function unlessAborted<T>(
  work: Promise<Outcome<T>>,
  signal: AbortSignal,
): Promise<Outcome<T>> {
  const { promise, resolve } = Promise.withResolvers<Outcome<T>>();
  const abort = (): void => resolve({ ok: false, error: ended(signal.reason) });
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
