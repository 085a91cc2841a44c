import {
  Client,
  type LoggingMessageNotification,
  type RequestOptions,
  UrlElicitationRequiredError,
} from '@modelcontextprotocol/client';
import type { AskedBack, McpHost, McpOutcome } from '../../contracts/agents/mcp-host.ts';
import type { ToolContext, ToolOutcome } from '../../contracts/agents/tool.ts';
import type { JsonObject } from '../../json/json.ts';
import type { Redaction } from '../../redaction/redaction.ts';
import { ended } from '../custom/custom.ts';
import { failureOf, isForgotten, lost } from './failures.ts';
import { listPrompts } from './prompts.ts';
import type { KeepFile } from './results/files.ts';
import { collectImages } from './results/images.ts';
import { listTools } from './results/list-tools.ts';
import { callOwnTool, ownToolOf } from './results/resource-tools.ts';
import { outcomeOf } from './results/result.ts';
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
import { redactMessages } from './transport/redact-messages.ts';
import type { McpTransport } from './transport/transport.ts';

/** Beyond the time-out of any tool: the signal of the call decides. */
const NEVER_MS = 2 ** 31 - 1;

/** A server that says for so long that its tools are others is asked all the same. */
const MOST_TOLD_MS = 2_000;
const QUIET_MS = 250;

const IDLE_MS = 15 * 60_000;
/** Of one that serves one run. */
const OWN_IDLE_MS = 60_000;

/** The same over every attempt of a call: who wants to may see by it what was done already. */
const IDEMPOTENCY_KEY = 'howdah/idempotency-key';

/** One connection to one server, for all runs of its tenant; one after the other where it may ask something back. */
export class McpConnection {
  /** Digests of its tools by name, as it said them last. */
  digests: ReadonlyMap<string, string> = new Map();
  inFlight = 0;
  usedAt = Date.now();
  isOpen = false;
  /** It says that its tools are others now. */
  onToolsChanged?: () => void;
  /** It writes something for a log. */
  onLog?: (message: LoggingMessageNotification['params']) => void;
  /** Whether the server ended it, not we. */
  onClosed?: (byServer: boolean) => void;
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
    // a command may end at a word it does not know, so what it speaks is asked of servers over HTTP alone
    const mode = server.type === 'http' ? 'auto' : 'legacy';
    this.#client = new Client(
      { name: 'howdah', version: '1' },
      { capabilities, versionNegotiation: { mode } },
    );
    answerServer(this.#client, server, () => this.#served);
  }

  /** Throws what the client throws when the server does not answer as one of MCP does. */
  async open(signal: AbortSignal): Promise<void> {
    this.#client.onclose = () => {
      this.isOpen = false;
      this.onClosed?.(!this.#isClosing);
    };
    this.#client.onerror = () => {}; // what fails is told to who asked for it
    this.#client.setNotificationHandler('notifications/message', ({ params }) =>
      this.onLog?.(params),
    );
    const transport = redactMessages(this.#line.transport, this.#line.redaction);
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

  /** It has said that its tools are others by now, and has not been asked since. */
  get isStale(): boolean {
    return this.#staleSince !== undefined;
  }

  /** It has said so for some time, or has fallen silent about it. */
  get isToldLongAgo(): boolean {
    const since = (moment = 0) => Date.now() - moment;
    return since(this.#changedAt) >= QUIET_MS || since(this.#staleSince) >= MOST_TOLD_MS;
  }

  async list(signal: AbortSignal): Promise<Listing> {
    this.#staleSince = undefined;
    const listing = await listTools(this.#client, signal);
    this.digests = new Map(listing.tools.map(({ name, digest }) => [name, digest]));
    return { ...listing, prompts: await listPrompts(this.#client, signal) };
  }

  /** Never throws. A call whose signal fires is cancelled at the server, too. */
  async call(
    name: string,
    args: JsonObject,
    context: ToolContext,
    keep: KeepFile,
    host?: McpHost,
  ): Promise<McpOutcome> {
    const { signal } = context;
    const given = new AbortController();
    const progress = lastProgress();
    let asked: AskedBack | undefined;
    const giveUp = (question: AskedBack): void => {
      asked ??= question;
      given.abort();
    };
    this.inFlight += 1;
    this.#served = host && { host, signal, giveUp };
    try {
      const all = AbortSignal.any([signal, this.#line.broken, given.signal]);
      const options = { signal: all, timeout: NEVER_MS, onprogress: progress.take };
      return await this.#ask(name, args, context, options, keep);
    } catch (error) {
      const question = asked ?? (host && this.#urlOf(error, host));
      this.#breakOff();
      return question
        ? { asks: question }
        : { ok: false, error: this.#failure(error, signal, progress.told()) };
    } finally {
      this.#served = undefined;
      this.inFlight -= 1;
      this.usedAt = Date.now();
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
    const told = {
      server: this.#server.name,
      tool: name,
      redaction: this.redaction,
      keep: images.keep,
    };
    const own = ownToolOf(name, this.digests.get(name));
    if (own) {
      return images.besides(await callOwnTool(own, this.#client, args, options, told));
    }
    const _meta = { [IDEMPOTENCY_KEY]: idempotency_key, ...(traceparent ? { traceparent } : {}) };
    const params = { name, arguments: args, _meta };
    const result = await this.#client.request({ method: 'tools/call', params }, options);
    return images.besides(await outcomeOf(result, told));
  }

  /** A server may say by an error that a page has to be opened before it does anything. */
  #urlOf(error: unknown, host: McpHost): AskedBack | undefined {
    const [first] = error instanceof UrlElicitationRequiredError ? error.elicitations : [];
    const { name, allows_elicitation } = this.#server;
    if (!first || !allows_elicitation) return undefined;
    const asked = elicitationOf({ ...first, mode: 'url' }, name);
    const answer = 'fault' in asked ? undefined : host.elicit(asked);
    return answer && !('action' in answer) ? answer : undefined;
  }

  /** What a server that may ask something says after a call that was broken off could be taken for the next one's. */
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

  /** Closes it when its calls are over. */
  retire(): void {
    this.#isRetired = true;
    this.#closeIfOver();
  }

  #closeIfOver(): void {
    if (this.#isRetired && this.inFlight === 0) {
      void this.close();
    }
  }

  /** It is ended after so long without a call. */
  get idleMs(): number {
    return asksBack(this.#server) ? OWN_IDLE_MS : IDLE_MS;
  }

  /** The redaction of the secrets sent so far. */
  get redaction(): Redaction {
    return this.#line.redaction();
  }

  /** What it wrote to stderr, as one line for a log. */
  get stderr(): string {
    return this.redaction.text(this.#line.stderr()).replace(/\s+/g, ' ').trim().slice(-1_000);
  }

  #failure(error: unknown, signal: AbortSignal, progress: string) {
    if (signal.aborted) {
      const failure = ended(signal.reason);
      return this.redaction.error({ ...failure, message: failure.message + progress });
    }
    const { name } = this.#server;
    if (this.#line.broken.aborted) {
      void this.close();
      return lost(name, `the answer of ${name} broke off`);
    }
    if (isForgotten(error)) {
      void this.close();
    }
    return this.redaction.error(failureOf(error, name));
  }
}
