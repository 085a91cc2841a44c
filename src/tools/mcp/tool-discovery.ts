import type { McpConnection } from './connection.ts';
import { mcpError } from './failures.ts';
import type { McpRows } from './mcp-rows.ts';
import type { McpServer } from './server.ts';
import type { Log } from './server-requests/server-log.ts';

/** The time for a listing. */
const LIST_MS = 60_000;
/** The delay of a listing after a notification, and between checks whether the listing is due. */
const RELIST_DELAY_MS = 250;

/** Lists the tools and prompts of servers, and stores the listings. */
export class ToolDiscovery {
  readonly #rows: McpRows;
  readonly #log: Log;
  /** The last listing of each server, until the listing has ended. */
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #scheduled = new Set<McpConnection>();

  constructor(rows: McpRows, log: Log) {
    this.#rows = rows;
    this.#log = log;
  }

  /** Lists the tools of a server. Throws the errors of the client. */
  async list(server: McpServer, connection: McpConnection): Promise<void> {
    const listing = await connection.list(AbortSignal.timeout(LIST_MS));
    const unaccepted = await this.#rows.record(server, listing).catch((err) => {
      this.#log.warn(
        { err, server: server.name },
        'the tools of an MCP server could not be stored',
      );
      return []; // the job that requested the listing stays queued until the tools are stored
    });
    if (unaccepted.length > 0) {
      this.#log.warn(
        { server: server.name, tools: unaccepted },
        'tools of an MCP server are waiting to be accepted',
      );
    }
  }

  /**
   * Lists the tools of a server again, one listing at a time per server. If the listing fails, the
   * connection is closed and the next call opens a new one. Never throws.
   */
  relist(server: McpServer, connection: McpConnection): Promise<void> {
    const before = this.#underWay.get(server.id) ?? Promise.resolve();
    const next = before
      .then(() => this.list(server, connection))
      .catch((error) => {
        const reason = connection.redaction.text(mcpError(error, server.name).message);
        this.#log.warn(
          { server: server.name, reason },
          'the tools of an MCP server could not be listed',
        );
        return connection.close();
      });
    this.#underWay.set(server.id, next);
    void next.then(() => {
      if (this.#underWay.get(server.id) === next) this.#underWay.delete(server.id);
    });
    return next;
  }

  /**
   * Schedules a listing after a notification. A server may send notifications as often as it likes,
   * so the listing is delayed and never runs twice at once.
   */
  scheduleRelist(server: McpServer, connection: McpConnection): void {
    if (this.#scheduled.has(connection)) return;
    this.#scheduled.add(connection);
    setTimeout(() => {
      this.#scheduled.delete(connection);
      if (!connection.isOpen || !connection.isStale) return;
      if (this.#underWay.has(server.id) || !connection.isRelistDue) {
        this.scheduleRelist(server, connection);
      } else {
        void this.relist(server, connection);
      }
    }, RELIST_DELAY_MS).unref();
  }
}
