import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { McpHost, McpOutcome } from '../../contracts/agents/mcp-host.ts';
import type { ToolContext } from '../../contracts/agents/tool.ts';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import type { JsonObject } from '../../json/json.ts';
import { ended } from '../custom/custom.ts';
import { McpConnection } from './connection.ts';
import { ConnectionLanes } from './connection-lanes.ts';
import { failureOf, lost, otherThanAccepted, refused, unsent } from './failures.ts';
import type { McpRows } from './mcp-store.ts';
import type { McpFile } from './results/files.ts';
import type { McpServer } from './server.ts';
import { type Log, logOf } from './server-requests/server-log.ts';
import { asksBack } from './server-requests/server-requests.ts';
import { raceAbort } from './transport/race-abort.ts';
import { type McpTransportOptions, openTransport } from './transport/transport.ts';

/** The time for opening a connection. The first start of a command may download its program. */
const OPEN_MS = 60_000;
/**
 * The time after which a connection counts as stable. A server that closes the connection earlier
 * has failed.
 */
const STEADY_MS = 10_000;
const SOON_MS = 250;
const BACK_OFF_MS = 1_000;
const MOST_BACK_OFF_MS = 60_000;

export type McpPoolOptions = McpTransportOptions & {
  rows: McpRows;
  log: Log;
};

/** The connections of this process to MCP servers: one for each server in use. */
export type McpPool = {
  /** Calls a tool. Never throws. A tool that differs from its pinned version is not called. */
  call(
    tool: ToolDefinition,
    args: JsonObject,
    context: ToolContext,
    host?: McpHost,
  ): Promise<McpOutcome>;
  /** Lists the tools and prompts of a server and stores the listing. Never throws. */
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
  const lanes = new ConnectionLanes();

  /** Records a failure. The delay before the next attempt doubles each time, up to a maximum. */
  const backOff = (server: McpServer, error: RunError): void => {
    const times = (failed.get(server.id)?.times ?? 0) + 1;
    const until = Date.now() + Math.min(BACK_OFF_MS * 2 ** (times - 1), MOST_BACK_OFF_MS);
    failed.set(server.id, { revision: server.revision, times, until, error });
  };

  const ask = async (server: McpServer, connection: McpConnection): Promise<void> => {
    const listing = await connection.list(AbortSignal.timeout(OPEN_MS));
    const open = await rows.record(server, listing).catch((err) => {
      log.warn({ err, server: server.name }, 'the tools of an MCP server could not be stored');
      return []; // the job that requested the listing stays queued until the tools are stored
    });
    if (open.length > 0) {
      log.warn(
        { server: server.name, tools: open },
        'tools of an MCP server are waiting to be accepted',
      );
    }
  };

  /**
   * Lists the tools of a server again, one listing at a time per server. If the listing fails, the
   * connection is closed and the next call opens a new one.
   */
  const askAgain = (server: McpServer, connection: McpConnection): Promise<void> => {
    const before = asking.get(server.id) ?? Promise.resolve();
    const next = before
      .then(() => ask(server, connection))
      .catch((error) => {
        const reason = connection.redaction.text(failureOf(error, server.name).message);
        log.warn({ server: server.name, reason }, 'the tools of an MCP server could not be listed');
        return connection.close();
      });
    asking.set(server.id, next);
    void next.then(() => void (asking.get(server.id) === next && asking.delete(server.id)));
    return next;
  };

  /**
   * Schedules a listing after a notification. A server may send notifications as often as it likes,
   * so the listing is delayed and never runs twice at once.
   */
  const askSoon = (server: McpServer, connection: McpConnection): void => {
    if (soon.has(connection)) return;
    soon.add(connection);
    setTimeout(() => {
      soon.delete(connection);
      if (!connection.isOpen || !connection.isStale) return;
      if (asking.has(server.id) || !connection.isRelistDue) askSoon(server, connection);
      else void askAgain(server, connection);
    }, SOON_MS).unref();
  };

  const open = async (
    server: McpServer,
    place: string,
    entry: Held,
  ): Promise<Outcome<McpConnection>> => {
    const line = await openTransport(server, options);
    if (!line.ok) return line;
    const connection = new McpConnection(server, line.value);
    connection.onLog = logOf(log, server.name);
    all.add(connection);
    try {
      const signal = AbortSignal.timeout(OPEN_MS);
      await connection.open(signal);
      const since = Date.now();
      connection.onClosed = (byServer) => {
        all.delete(connection);
        if (held.get(place) === entry) {
          held.delete(place);
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
      const failure = connection.redaction.error(failureOf(error, server.name));
      const said = connection.stderr && ` (it wrote: ${connection.stderr})`;
      log.warn({ server: server.name, reason: failure.message + said }, 'no MCP server there');
      return { ok: false, error: failure };
    }
  };

  const openConnection = (server: McpServer, place: string): Held => {
    const entry: Held = { revision: server.revision, opening: undefined as never };
    entry.opening = open(server, place, entry).then(async (outcome) => {
      if (outcome.ok) {
        failed.delete(server.id);
        return outcome;
      }
      if (held.get(place) === entry) held.delete(place);
      backOff(server, outcome.error);
      await rows.fail(server, outcome.error.message).catch(() => {});
      return outcome;
    });
    held.set(place, entry);
    return entry;
  };

  /** Removes a connection from the pool. Calls under way continue, and no new call uses it. */
  const drop = (place: string, known: Held): void => {
    held.delete(place);
    void known.opening.then((outcome) => outcome.ok && outcome.value.retire());
  };

  const acquire = async (server: McpServer, lane = 0): Promise<Outcome<McpConnection>> => {
    const place = `${server.id}/${lane}`;
    const known = held.get(place);
    if (known && known.revision === server.revision) {
      return known.opening;
    }
    if (known) drop(place, known);
    const failure = failed.get(server.id);
    if (failure?.revision === server.revision && failure.until > Date.now()) {
      const retry_after_ms = failure.until - Date.now();
      return { ok: false, error: { ...failure.error, retryable: true, retry_after_ms } };
    }
    return openConnection(server, place).opening;
  };

  const idle = setInterval(() => {
    for (const [place, { open }] of held) {
      if (open && open.inFlight === 0 && Date.now() - open.usedAt > open.idleMs) {
        held.delete(place);
        void open.close();
      }
    }
  }, 60_000).unref();

  /** Calls a tool on a connection whose description of the tool is the accepted one. */
  const callOn = async (
    server: McpServer,
    lane: number,
    tool: ToolDefinition,
    args: JsonObject,
    context: ToolContext,
    host?: McpHost,
  ): Promise<McpOutcome> => {
    const name = String(tool.configuration.tool);
    const connection = await raceAbort(acquire(server, lane), context.signal);
    if (!connection.ok) {
      return { ok: false, error: unsent(server.name, connection.error) };
    }
    if (connection.value.isStale) {
      const relisted = askAgain(server, connection.value).then(() => connection);
      const heard = await raceAbort(relisted, context.signal);
      if (!heard.ok) return { ok: false, error: unsent(server.name, heard.error) };
      if (!connection.value.isOpen) {
        const error = lost(server.name, `the tools of ${server.name} could not be listed`);
        return { ok: false, error: unsent(server.name, error) };
      }
    }
    const digest = connection.value.digests.get(name);
    if (digest !== tool.configuration.digest) {
      return refused(otherThanAccepted(server.name, name, digest));
    }
    const keep = (file: McpFile) => rows.keep(context.execution_id, file);
    return connection.value.call(name, args, context, keep, host);
  };

  return {
    async call(tool, args, context, host) {
      const server = await rows.find(context.tenant_id, tool.server_id ?? '').catch(() => null);
      if (server === null) {
        const message = `the stored data of the MCP server of ${tool.name} cannot be read now`;
        return { ok: false, error: unsent(tool.name, lost(tool.name, message)) };
      }
      if (!server) {
        return refused(`the MCP server of ${tool.name} does not exist or is not active`);
      }
      if (!asksBack(server)) {
        return callOn(server, 0, tool, args, context, host);
      }
      const taken = await lanes.take(server.id, context.execution_id, context.signal);
      if (!taken) return { ok: false, error: unsent(server.name, ended(context.signal.reason)) };
      const known = held.get(`${server.id}/${taken.lane}`);
      if (known && taken.isForeign) drop(`${server.id}/${taken.lane}`, known);
      return callOn(server, taken.lane, tool, args, context, host).finally(() =>
        lanes.free(server.id, taken.lane),
      );
    },
    async discover(server) {
      const known = held.get(`${server.id}/0`)?.open;
      const connection = await acquire(server); // a new connection lists its tools when it opens
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
