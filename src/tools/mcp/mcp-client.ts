import { unlessAborted } from '../../concurrency/unless-aborted.ts';
import type { CallHost, CallOutcome } from '../../contracts/agents/call-host.ts';
import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { ToolContext } from '../../contracts/agents/tool.ts';
import type { AccessTokens, AccountAccess } from '../../contracts/connected-account.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { JsonObject } from '../../json/json.ts';
import { errorOfAbort } from '../custom/custom-tools.ts';
import type { McpConnection } from './connection.ts';
import { ConnectionLanes } from './connection-lanes.ts';
import { ConnectionPool, type ConnectionPoolOptions } from './connection-pool.ts';
import { digestMismatch, lostConnection, markUnsent, rejectCall } from './failures.ts';
import type { McpRows } from './mcp-rows.ts';
import type { McpFile } from './results/files.ts';
import { integrationOf, keyOfAccount, type McpServer } from './server.ts';
import { asksBack } from './server-requests/server-requests.ts';
import { ToolDiscovery } from './tool-discovery.ts';

export type McpClientOptions = ConnectionPoolOptions;

/** The tools of MCP servers, over connections that calls of this process share. */
export type McpClient = {
  /** Calls a tool. Never throws. A tool that differs from its pinned version is not called. */
  call(
    tool: ToolDefinition,
    args: JsonObject,
    context: ToolContext,
    host?: CallHost,
  ): Promise<CallOutcome>;
  /** Lists the tools and prompts of a server and stores the listing. Never throws. */
  discover(server: McpServer): Promise<void>;
  close(): Promise<void>;
};

/** A call of a tool, with the context of its run. */
type ToolCall = {
  tool: ToolDefinition;
  args: JsonObject;
  context: ToolContext;
  host: CallHost | undefined;
};

export function createMcpClient(options: McpClientOptions): McpClient {
  return new ConnectedMcpClient(options);
}

class ConnectedMcpClient implements McpClient {
  readonly #rows: McpRows;
  readonly #accounts: AccessTokens;
  readonly #discovery: ToolDiscovery;
  readonly #connections: ConnectionPool;
  readonly #lanes = new ConnectionLanes();

  constructor(options: McpClientOptions) {
    this.#rows = options.rows;
    this.#accounts = options.accounts;
    this.#discovery = new ToolDiscovery(options.rows, options.log);
    this.#connections = new ConnectionPool(options, this.#discovery);
  }

  async call(
    tool: ToolDefinition,
    args: JsonObject,
    context: ToolContext,
    host?: CallHost,
  ): Promise<CallOutcome> {
    const server = await this.#rows.find(context.tenant_id, tool.server_id ?? '').catch(() => null);
    if (server === null) {
      const message = `the stored data of the MCP server of ${tool.name} cannot be read now`;
      return { ok: false, error: markUnsent(tool.name, lostConnection(tool.name, message)) };
    }
    if (!server) {
      return rejectCall(`the MCP server of ${tool.name} does not exist or is not active`);
    }
    const call = { tool, args, context, host };
    return integrationOf(server) === undefined
      ? this.#callAt(server, call)
      : this.#callAsAccount(server, call);
  }

  async discover(found: McpServer): Promise<void> {
    const server = await this.#forDiscovery(found);
    if (!server) return;
    const known = this.#connections.find(server);
    // a new connection lists its tools when it opens
    const connection = await this.#connections.acquire(server);
    if (connection.ok && connection.value === known) {
      await this.#discovery.relist(server, connection.value);
    }
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  /**
   * Calls a tool with the account of the run. A call that the server refused as unauthorized names
   * the consent that would help, if the account has just come to an end.
   */
  async #callAsAccount(server: McpServer, call: ToolCall): Promise<CallOutcome> {
    const access = await this.#accessOf(server, call.context.execution_id);
    if (!access.ok) return { ...access, error: markUnsent(server.name, access.error) };
    const outcome = await this.#callAt({ ...server, account_id: access.account_id }, call);
    if (!('ok' in outcome) || outcome.ok || outcome.error.code !== 'unauthorized') return outcome;
    const now = await this.#accessOf(server, call.context.execution_id);
    return now.ok || !now.consent ? outcome : { ...outcome, consent: now.consent };
  }

  #accessOf(server: McpServer, executionId: string): Promise<AccountAccess> {
    const request = { url: String(server.configuration.url) };
    return this.#accounts.forRun(executionId, integrationOf(server) ?? '', request);
  }

  /** Returns the server with the account that lists its tools. Undefined if there is none yet. */
  async #forDiscovery(server: McpServer): Promise<McpServer | undefined> {
    const integration = integrationOf(server);
    if (integration === undefined) return server;
    const request = { url: String(server.configuration.url) };
    const access = await this.#accounts.forDiscovery(server.tenant_id, integration, request);
    if (access.ok) return { ...server, account_id: access.account_id };
    await this.#rows.fail(server, access.error.message).catch(() => {});
    return undefined;
  }

  #callAt(server: McpServer, call: ToolCall): Promise<CallOutcome> {
    return asksBack(server) ? this.#callOnOwnLane(server, call) : this.#callOn(server, 0, call);
  }

  /** Calls a tool on a connection that serves no other run meanwhile. */
  async #callOnOwnLane(server: McpServer, call: ToolCall): Promise<CallOutcome> {
    const { execution_id, signal } = call.context;
    const taken = await this.#lanes.take(keyOfAccount(server), execution_id, signal);
    if (!taken) return { ok: false, error: markUnsent(server.name, errorOfAbort(signal.reason)) };
    if (taken.isForeign) this.#connections.retire(server, taken.lane);
    return this.#callOn(server, taken.lane, call).finally(() =>
      this.#lanes.free(keyOfAccount(server), taken.lane),
    );
  }

  /** Calls a tool on a connection whose description of the tool is the accepted one. */
  async #callOn(server: McpServer, lane: number, call: ToolCall): Promise<CallOutcome> {
    const { tool, args, context, host } = call;
    const name = String(tool.configuration.tool);
    const connection = await this.#currentConnection(server, lane, context.signal);
    if (!connection.ok) return { ok: false, error: markUnsent(server.name, connection.error) };
    const digest = connection.value.digests.get(name);
    if (digest !== tool.configuration.digest) {
      return rejectCall(digestMismatch(server.name, name, digest));
    }
    const keep = (file: McpFile) => this.#rows.keep(context.execution_id, file);
    return connection.value.call(name, args, context, keep, host);
  }

  /** Returns a connection whose tools have been listed since the last reported change. */
  async #currentConnection(
    server: McpServer,
    lane: number,
    signal: AbortSignal,
  ): Promise<Outcome<McpConnection>> {
    const connection = await raceAbort(this.#connections.acquire(server, lane), signal);
    if (!connection.ok || !connection.value.isStale) return connection;
    const relisted = this.#discovery.relist(server, connection.value).then(() => connection);
    const outcome = await raceAbort(relisted, signal);
    if (!outcome.ok || connection.value.isOpen) return outcome;
    return {
      ok: false,
      error: lostConnection(server.name, `the tools of ${server.name} could not be listed`),
    };
  }
}

/** Waits for the work as `unlessAborted` does, and returns an error when the signal fires. */
async function raceAbort<T>(work: Promise<Outcome<T>>, signal: AbortSignal): Promise<Outcome<T>> {
  try {
    return await unlessAborted(work, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    return { ok: false, error: errorOfAbort(signal.reason) };
  }
}
