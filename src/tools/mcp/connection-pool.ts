import type { Outcome } from '../../contracts/errors.ts';
import { ConnectionBackOff } from './back-off.ts';
import { McpConnection } from './connection.ts';
import { mcpError } from './failures.ts';
import type { McpRows } from './mcp-rows.ts';
import { keyOfAccount, type McpServer } from './server.ts';
import { type Log, logOf } from './server-requests/server-log.ts';
import type { ToolDiscovery } from './tool-discovery.ts';
import { type McpTransportOptions, openTransport } from './transport/transport.ts';

/** The time for opening a connection. The first start of a command may download its program. */
const OPEN_MS = 60_000;
/**
 * The time after which a connection counts as stable. A server that closes the connection earlier
 * has failed.
 */
const STABLE_MS = 10_000;
const IDLE_CHECK_MS = 60_000;

export type ConnectionPoolOptions = McpTransportOptions & {
  rows: McpRows;
  log: Log;
};

/**
 * A place of the pool. The place is taken while the connection is opening, so that concurrent
 * callers share one attempt. Whoever removes a place compares it first: another may have replaced
 * it.
 */
class PooledConnection {
  readonly revision: string;
  readonly opening: Promise<Outcome<McpConnection>>;
  /** The connection, from when the server has answered. Its tools may not be listed yet. */
  connection?: McpConnection;

  constructor(
    revision: string,
    open: (pooled: PooledConnection) => Promise<Outcome<McpConnection>>,
  ) {
    this.revision = revision;
    this.opening = open(this);
  }
}

/** The connections of this process to MCP servers, by server, account and lane. */
export class ConnectionPool {
  readonly #options: ConnectionPoolOptions;
  readonly #discovery: ToolDiscovery;
  readonly #backOff = new ConnectionBackOff();
  readonly #pooled = new Map<string, PooledConnection>();
  /** All connections that are not closed, retired ones too. */
  readonly #connections = new Set<McpConnection>();
  readonly #idleCheck: NodeJS.Timeout;

  constructor(options: ConnectionPoolOptions, discovery: ToolDiscovery) {
    this.#options = options;
    this.#discovery = discovery;
    this.#idleCheck = setInterval(() => this.#closeIdle(), IDLE_CHECK_MS).unref();
  }

  /** Returns the connection of a lane if it is open already. */
  find(server: McpServer, lane = 0): McpConnection | undefined {
    return this.#pooled.get(placeOf(server, lane))?.connection;
  }

  /** Returns the connection of a lane. Opens it unless it exists or the server has just failed. */
  async acquire(server: McpServer, lane = 0): Promise<Outcome<McpConnection>> {
    const place = placeOf(server, lane);
    const known = this.#pooled.get(place);
    if (known?.revision === server.revision) return known.opening;
    this.retire(server, lane);
    const error = this.#backOff.errorDuringDelay(server);
    if (error) return { ok: false, error };
    const pooled = new PooledConnection(server.revision, (self) => this.#open(server, place, self));
    this.#pooled.set(place, pooled);
    return pooled.opening;
  }

  /** Removes a connection from the pool. Calls under way continue, and no new call uses it. */
  retire(server: McpServer, lane: number): void {
    const place = placeOf(server, lane);
    const known = this.#pooled.get(place);
    this.#pooled.delete(place);
    void known?.opening.then((outcome) => outcome.ok && outcome.value.retire());
  }

  async close(): Promise<void> {
    clearInterval(this.#idleCheck);
    this.#pooled.clear();
    await Promise.all([...this.#connections].map((one) => one.close().catch(() => {})));
  }

  async #open(
    server: McpServer,
    place: string,
    pooled: PooledConnection,
  ): Promise<Outcome<McpConnection>> {
    const outcome = await this.#connect(server, place, pooled);
    if (outcome.ok) {
      this.#backOff.recordSuccess(server);
      return outcome;
    }
    this.#remove(place, pooled);
    this.#backOff.recordFailure(server, outcome.error);
    const isOfAccount = server.account_id !== undefined && outcome.error.code === 'unauthorized';
    if (!isOfAccount) await this.#options.rows.fail(server, outcome.error.message).catch(() => {});
    return outcome;
  }

  /** Opens a connection and lists the tools of its server. */
  async #connect(
    server: McpServer,
    place: string,
    pooled: PooledConnection,
  ): Promise<Outcome<McpConnection>> {
    const { log } = this.#options;
    const transport = await this.#openTransport(server);
    if (!transport.ok) return transport;
    const connection = new McpConnection(server, transport.value);
    connection.onLog = logOf(log, server.name);
    this.#connections.add(connection);
    try {
      await connection.open(AbortSignal.timeout(OPEN_MS));
      this.#watchClose(server, connection, place, pooled);
      pooled.connection = connection;
      await this.#discovery.list(server, connection);
      connection.onToolsChanged = () => this.#discovery.scheduleRelist(server, connection);
      return { ok: true, value: connection };
    } catch (error) {
      this.#connections.delete(connection);
      void connection.close();
      const failure = connection.redaction.error(mcpError(error, server.name));
      const output = connection.stderr && ` (it wrote: ${connection.stderr})`;
      log.warn({ server: server.name, reason: failure.message + output }, 'no MCP server there');
      return { ok: false, error: failure };
    }
  }

  /** Opens a transport. An error of the database is a failure too, so that no place keeps it. */
  async #openTransport(server: McpServer): ReturnType<typeof openTransport> {
    try {
      return await openTransport(server, this.#options);
    } catch (error) {
      return { ok: false, error: mcpError(error, server.name) };
    }
  }

  /** Removes a connection when it closes. A server that closes it too early has failed. */
  #watchClose(
    server: McpServer,
    connection: McpConnection,
    place: string,
    pooled: PooledConnection,
  ): void {
    const openedAt = Date.now();
    connection.onClosed = (byServer) => {
      this.#connections.delete(connection);
      const wasPooled = this.#remove(place, pooled);
      if (wasPooled && byServer && Date.now() - openedAt < STABLE_MS) {
        this.#backOff.recordFailure(server, mcpError(new Error('it ended'), server.name));
      }
    };
  }

  /** Removes a connection unless another one has taken its place. Returns whether it did. */
  #remove(place: string, pooled: PooledConnection): boolean {
    return this.#pooled.get(place) === pooled && this.#pooled.delete(place);
  }

  #closeIdle(): void {
    for (const [place, { connection }] of this.#pooled) {
      if (connection?.isIdle) {
        this.#pooled.delete(place);
        void connection.close();
      }
    }
  }
}

function placeOf(server: McpServer, lane: number): string {
  return `${keyOfAccount(server)}/${lane}`;
}
