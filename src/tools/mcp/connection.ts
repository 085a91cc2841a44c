import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CallToolResultSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import type { JsonObject } from '../../contracts/json.ts';
import type { ToolContext, ToolOutcome } from '../../contracts/tool.ts';
import { ended } from '../custom.ts';
import { failureOf, isForgotten, lost } from './failures.ts';
import { listTools } from './listing.ts';
import { outcomeOf } from './result.ts';
import type { Listing } from './server.ts';

/** Beyond the time-out of any tool: the signal of the call decides. */
const NEVER_MS = 2 ** 31 - 1;

/** What is shorter is a word like any other. */
const SHORTEST_KEY = 12;

/** How a server is spoken with, and what must not be told of it. */
export type Line = {
  transport: Transport;
  /** Values of secrets that were sent: they stand in no text. */
  keys: ReadonlySet<string>;
  /** Fires when an answer broke off: whoever waits for one waits in vain. */
  broken: AbortSignal;
  /** What the server wrote for people, its end. */
  stderr(): string;
};

/** One connection to one server, for all runs of its tenant. */
export class McpConnection {
  /** Digests of its tools by name, as it said them last. */
  digests: ReadonlyMap<string, string> = new Map();
  /** It has said that they are others by now, and has not been asked since. */
  isStale = false;
  inFlight = 0;
  usedAt = Date.now();
  isOpen = false;
  /** It says that its tools are others now. */
  onToolsChanged?: () => void;
  /** Whether the server ended it, not we. */
  onClosed?: (byServer: boolean) => void;
  #isRetired = false;
  #isClosing = false;
  readonly #name: string;
  readonly #line: Line;
  readonly #client = new Client({ name: 'howdah', version: '1' }, { capabilities: {} });

  constructor(name: string, line: Line) {
    this.#name = name;
    this.#line = line;
  }

  /** Throws what the client throws when the server does not answer as one of MCP does. */
  async open(signal: AbortSignal): Promise<void> {
    this.#client.onclose = () => {
      this.isOpen = false;
      this.onClosed?.(!this.#isClosing);
    };
    this.#client.onerror = () => {}; // what fails is told to who asked for it
    await this.#client.connect(this.#line.transport as Transport, { signal, timeout: NEVER_MS });
    this.isOpen = true;
    this.#client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
      this.isStale = true;
      this.onToolsChanged?.();
    });
  }

  async list(signal: AbortSignal): Promise<Listing> {
    this.isStale = false;
    const listing = await listTools(this.#client, signal);
    this.digests = new Map(listing.tools.map(({ name, digest }) => [name, digest]));
    return listing;
  }

  /** Never throws. A call whose signal fires is cancelled at the server, too. */
  async call(name: string, args: JsonObject, { signal }: ToolContext): Promise<ToolOutcome> {
    const request = { method: 'tools/call' as const, params: { name, arguments: args } };
    const options = {
      signal: AbortSignal.any([signal, this.#line.broken]),
      timeout: NEVER_MS,
    };
    this.inFlight += 1;
    try {
      const result = await this.#client.request(request, CallToolResultSchema, options);
      return outcomeOf(result, (text) => this.mask(text));
    } catch (error) {
      return { ok: false, error: this.#failure(error, signal) };
    } finally {
      this.inFlight -= 1;
      this.usedAt = Date.now();
      this.#closeIfOver();
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

  /** A text without the values of secrets. */
  mask(text: string): string {
    return [...this.#line.keys]
      .filter((key) => key.length >= SHORTEST_KEY)
      .flatMap((key) => [key, JSON.stringify(key).slice(1, -1), encodeURIComponent(key)])
      .reduce((rest, spelling) => rest.replaceAll(spelling, '***'), text);
  }

  /** What it wrote to stderr, as one line for a log. */
  get stderr(): string {
    return this.mask(this.#line.stderr()).replace(/\s+/g, ' ').trim().slice(-1_000);
  }

  #failure(error: unknown, signal: AbortSignal) {
    if (signal.aborted) {
      return ended(signal.reason);
    }
    if (this.#line.broken.aborted) {
      void this.close();
      return lost(this.#name, `the answer of ${this.#name} broke off`);
    }
    if (isForgotten(error)) {
      void this.close();
    }
    const failure = failureOf(error, this.#name);
    return { ...failure, message: this.mask(failure.message) };
  }
}
