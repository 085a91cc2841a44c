import {
  Client,
  type LoggingMessageNotification,
  type RequestOptions,
  UrlElicitationRequiredError,
} from '@modelcontextprotocol/client';
import type {
  CallHost,
  CallOutcome,
  PendingElicitation,
} from '../../contracts/agents/call-host.ts';
import type { ToolContext, ToolOutcome } from '../../contracts/agents/tool.ts';
import type { JsonObject } from '../../json/json.ts';
import type { Redaction } from '../../redaction/redaction.ts';
import { errorOfAbort } from '../custom/custom-tools.ts';
import { isSessionForgotten, lostConnection, mcpError } from './failures.ts';
import { listServerPrompts } from './prompts.ts';
import type { KeepFile } from './results/files.ts';
import { collectImages } from './results/images.ts';
import { listServerTools } from './results/list-tools.ts';
import { callOwnTool, ownToolOf } from './results/resource-tools.ts';
import { resultOutcome } from './results/result.ts';
import type { Listing, McpServer } from './server.ts';
import { lastProgress } from './server-requests/progress.ts';
import {
  answerServer,
  asksBack,
  capabilitiesFor,
  elicitationOf,
  type ServedCall,
} from './server-requests/server-requests.ts';
import { listenForTools } from './transport/listening.ts';
import { loosenResults } from './transport/loose-results.ts';
import { redactMessages } from './transport/redact-messages.ts';
import type { McpTransport } from './transport/transport.ts';

/** Longer than the time-out of any tool, because the signal of the call decides. */
const NEVER_MS = 2 ** 31 - 1;

/**
 * The longest wait for the end of a series of notifications about changed tools. After it, the
 * tools are listed anyway.
 */
const MAX_STALE_MS = 2_000;
const QUIET_MS = 250;

const IDLE_MS = 15 * 60_000;
/** The idle time of a connection that serves one run. */
const OWN_IDLE_MS = 60_000;

/**
 * The metadata key of the idempotency key. The key is the same in all attempts of a call, so that a
 * server can detect work that was done before.
 */
const IDEMPOTENCY_KEY = 'howdah/idempotency-key';

/**
 * A connection to a server, for all runs of its tenant. For a server that may send requests of its
 * own, the connection serves one run after another.
 */
export class McpConnection {
  /** The digests of the server's tools by name, from the last listing. */
  digests: ReadonlyMap<string, string> = new Map();
  isOpen = false;
  /** Called when the server reports that its tools have changed. */
  onToolsChanged?: () => void;
  /** Called with each log message of the server. */
  onLog?: (message: LoggingMessageNotification['params']) => void;
  /** Called when the connection has closed. `byServer` is false if this process closed it. */
  onClosed?: (byServer: boolean) => void;
  #inFlight = 0;
  #usedAt = Date.now();
  #staleSince: number | undefined;
  #changedAt = 0;
  #isRetired = false;
  #isClosing = false;
  #served: ServedCall | undefined;
  readonly #server: McpServer;
  readonly #line: McpTransport;
  readonly #client: Client;

  constructor(server: McpServer, line: McpTransport) {
    this.#server = server;
    this.#line = line;
    const capabilities = capabilitiesFor(server);
    // a command may exit at an unknown method, so the version is negotiated only over HTTP
    const mode = server.type === 'http' ? 'auto' : 'legacy';
    this.#client = new Client(
      { name: 'howdah', version: '1' },
      { capabilities, versionNegotiation: { mode } },
    );
    answerServer(this.#client, server, () => this.#served);
  }

  /** Connects to the server. Throws the errors of the client if the server does not speak MCP. */
  async open(signal: AbortSignal): Promise<void> {
    this.#client.onclose = () => {
      this.isOpen = false;
      this.onClosed?.(!this.#isClosing);
    };
    this.#client.onerror = () => {}; // errors are reported to the caller of the request
    this.#client.setNotificationHandler('notifications/message', ({ params }) =>
      this.onLog?.(params),
    );
    const transport = loosenResults(redactMessages(this.#line.transport, this.#line.redaction));
    await this.#client.connect(transport, { signal, timeout: NEVER_MS });
    this.isOpen = true;
    for (const list of ['tools', 'prompts'] as const) {
      this.#client.setNotificationHandler(`notifications/${list}/list_changed`, () => {
        this.#changedAt = Date.now();
        this.#staleSince ??= this.#changedAt;
        this.onToolsChanged?.();
      });
    }
    await listenForTools(this.#client, () => this.retire());
  }

  /** Returns whether the server has reported changed tools since the last listing. */
  get isStale(): boolean {
    return this.#staleSince !== undefined;
  }

  /**
   * Returns whether the tools should be listed again: no report came for a while, or the first
   * report is too old.
   */
  get isRelistDue(): boolean {
    const since = (moment = 0) => Date.now() - moment;
    return since(this.#changedAt) >= QUIET_MS || since(this.#staleSince) >= MAX_STALE_MS;
  }

  async list(signal: AbortSignal): Promise<Listing> {
    this.#staleSince = undefined;
    const listing = await listServerTools(this.#client, signal);
    this.digests = new Map(listing.tools.map(({ name, digest }) => [name, digest]));
    return { ...listing, prompts: await listServerPrompts(this.#client, signal) };
  }

  /** Calls a tool. Never throws. A call whose signal fires is also cancelled at the server. */
  async call(
    name: string,
    args: JsonObject,
    context: ToolContext,
    keep: KeepFile,
    host?: CallHost,
  ): Promise<CallOutcome> {
    const { signal } = context;
    const abandonment = new AbortController();
    const progress = lastProgress();
    let pendingQuestion: PendingElicitation | undefined;
    const giveUp = (question: PendingElicitation): void => {
      pendingQuestion ??= question;
      abandonment.abort();
    };
    this.#inFlight += 1;
    this.#served = host && { host, signal, giveUp };
    try {
      const all = AbortSignal.any([signal, this.#line.broken, abandonment.signal]);
      const onprogress = (report: Parameters<typeof progress.take>[0]) => {
        progress.take(report);
        host?.progress?.(report.progress, report.total, report.message);
      };
      const options = { signal: all, timeout: NEVER_MS, onprogress };
      return await this.#ask(name, args, context, options, keep);
    } catch (error) {
      const question = pendingQuestion ?? (host && this.#urlOf(error, host));
      this.#breakOff();
      return question
        ? { asks: question }
        : { ok: false, error: this.#failure(error, signal, progress.description()) };
    } finally {
      this.#served = undefined;
      this.#inFlight -= 1;
      this.#usedAt = Date.now();
      this.#closeIfOver();
    }
  }

  async #ask(
    name: string,
    args: JsonObject,
    { idempotency_key, traceparent }: ToolContext,
    options: RequestOptions,
    keep: KeepFile,
  ): Promise<ToolOutcome> {
    const images = collectImages(keep);
    const resultOptions = {
      server: this.#server.name,
      tool: name,
      redaction: this.redaction,
      keep: images.keep,
    };
    const own = ownToolOf(name, this.digests.get(name));
    if (own) {
      return images.besides(await callOwnTool(own, this.#client, args, options, resultOptions));
    }
    const _meta = { [IDEMPOTENCY_KEY]: idempotency_key, ...(traceparent ? { traceparent } : {}) };
    const params = { name, arguments: args, _meta };
    const result = await this.#client.request({ method: 'tools/call', params }, options);
    return images.besides(await resultOutcome(result, resultOptions));
  }

  /** Returns the question of an error that requires a person to open a page first. */
  #urlOf(error: unknown, host: CallHost): PendingElicitation | undefined {
    const [first] = error instanceof UrlElicitationRequiredError ? error.elicitations : [];
    const { name, allows_elicitation } = this.#server;
    if (!first || !allows_elicitation) return undefined;
    const elicitation = elicitationOf({ ...first, mode: 'url' }, name);
    const answer = 'fault' in elicitation ? undefined : host.elicit(elicitation);
    return answer && !('action' in answer) ? answer : undefined;
  }

  /**
   * Closes the connection after an aborted call, if the server may send requests. A late request
   * could otherwise be attributed to the next call.
   */
  #breakOff(): void {
    if (asksBack(this.#server)) {
      this.#served = undefined;
      void this.close();
    }
  }

  close(): Promise<void> {
    this.#isClosing = true;
    return this.#client.close();
  }

  /** Closes the connection when its calls have ended. */
  retire(): void {
    this.#isRetired = true;
    this.#closeIfOver();
  }

  #closeIfOver(): void {
    if (this.#isRetired && this.#inFlight === 0) {
      void this.close();
    }
  }

  /** Returns whether no call has used the connection for so long that it should be closed. */
  get isIdle(): boolean {
    const idleMs = asksBack(this.#server) ? OWN_IDLE_MS : IDLE_MS;
    return this.#inFlight === 0 && Date.now() - this.#usedAt > idleMs;
  }

  /** The redaction of the secrets sent so far. */
  get redaction(): Redaction {
    return this.#line.redaction();
  }

  /** Returns what the server wrote to stderr, as one line for a log. */
  get stderr(): string {
    return this.redaction.text(this.#line.stderr()).replace(/\s+/g, ' ').trim().slice(-1_000);
  }

  #failure(error: unknown, signal: AbortSignal, progress: string) {
    if (signal.aborted) {
      const failure = errorOfAbort(signal.reason);
      return this.redaction.error({ ...failure, message: failure.message + progress });
    }
    const { name } = this.#server;
    if (this.#line.broken.aborted) {
      void this.close();
      return lostConnection(name, `the answer of ${name} broke off`);
    }
    if (isSessionForgotten(error)) {
      void this.close();
    }
    return this.redaction.error(mcpError(error, name));
  }
}
