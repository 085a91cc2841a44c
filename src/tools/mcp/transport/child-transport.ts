import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type JSONRPCMessage,
  parseJSONRPCMessage,
  type Transport,
} from '@modelcontextprotocol/client';
import { parseJson } from '../../../json/parse-json.ts';
import type { Redaction } from '../../../redaction/redaction.ts';

export type ChildOptions = {
  command: string;
  args: readonly string[];
  /** The whole environment. Nothing from the environment of this process is added. */
  env: Record<string, string>;
  cwd: string;
  /** The largest message. */
  maxBytes: number;
  /** Redacts the secrets that the process was given and may print. */
  redaction: Redaction;
};

/**
 * Most bytes that a program may write to stdout besides messages. Beyond them the program is no MCP
 * server.
 */
const NOISE_BYTES = 1024 * 1024;
const STDERR_CHARACTERS = 4_000;
const GRACE_MS = 2_000;

/**
 * Runs a server as a child process in its own process group, so that its descendants end with it. A
 * line that is no message is skipped, because some programs print a greeting. A message that is too
 * large, or too much other output, ends the server.
 */
export class ChildTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  /** The last part of the server's stderr. */
  stderr = '';
  readonly #options: ChildOptions;
  #child: ChildProcessWithoutNullStreams | undefined;
  #parts: Buffer[] = [];
  #bytes = 0;
  #noise = 0;
  #isOver = false;

  constructor(options: ChildOptions) {
    this.#options = options;
  }

  /** Starts the process and resolves when it runs. Throws the errors of `spawn`. */
  async start(): Promise<void> {
    const { command, args, env, cwd } = this.#options;
    const child = spawn(command, [...args], { env, cwd, stdio: 'pipe', detached: true });
    this.#child = child;
    child.stdin.on('error', (error) => this.onerror?.(error));
    child.stdout.on('data', (chunk: Buffer) => this.#take(chunk));
    const redacted = this.#options.redaction.stream(); // before the text is truncated
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + redacted.pass(text)).slice(-STDERR_CHARACTERS);
    });
    child.stderr.on('end', () => {
      this.stderr = (this.stderr + redacted.rest({ isCut: true })).slice(-STDERR_CHARACTERS);
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.once('exit', () => this.#end());
    child.on('error', (error) => this.onerror?.(error));
  }

  /**
   * Sends a message. Resolves when the operating system has accepted the message. Rejects when the
   * process has ended; requests that wait for an answer then fail too.
   */
  send(message: JSONRPCMessage): Promise<void> {
    const child = this.#child;
    if (!child || this.#isOver) {
      return Promise.reject(new Error('the server is not running'));
    }
    return new Promise((resolve, reject) => {
      child.stdin.write(`${JSON.stringify(message)}\n`, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }

  /** Closes the input of the process, so that it ends, and kills it after a grace period. */
  async close(): Promise<void> {
    const child = this.#child;
    if (!child?.pid) {
      return;
    }
    const exited = new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve();
      else child.once('exit', () => resolve());
    });
    child.stdin.end();
    this.#end();
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const isOver = await Promise.race([
        exited.then(() => true),
        sleep(GRACE_MS, false, { ref: false }),
      ]);
      this.#signal(isOver ? 'SIGKILL' : signal);
      if (isOver) return;
    }
  }

  /**
   * Sends a signal to the whole process group, including processes that the server has left behind.
   */
  #signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-(this.#child?.pid as number), signal);
    } catch {
      // no process is left
    }
  }

  #end(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#parts = [];
      this.onclose?.();
    }
  }

  #take(chunk: Buffer): void {
    let rest = chunk;
    while (!this.#isOver) {
      const end = rest.indexOf(10);
      this.#parts.push(end < 0 ? rest : rest.subarray(0, end));
      this.#bytes += end < 0 ? rest.byteLength : end;
      if (this.#bytes > this.#options.maxBytes) {
        this.#giveUp(`a message has more than ${this.#options.maxBytes} bytes`);
        return;
      }
      if (end < 0) return;
      const line = Buffer.concat(this.#parts);
      this.#parts = [];
      this.#bytes = 0;
      this.#read(line);
      rest = rest.subarray(end + 1);
    }
  }

  #read(line: Buffer): void {
    const message = messageIn(line.toString('utf8'));
    if (message) {
      this.onmessage?.(message);
      return;
    }
    this.#noise += line.byteLength + 1;
    if (this.#noise > NOISE_BYTES) {
      this.#giveUp('it writes output to stdout that is not an MCP message');
    }
  }

  #giveUp(reason: string): void {
    this.onerror?.(new Error(reason));
    void this.close();
  }
}

function messageIn(line: string): JSONRPCMessage | undefined {
  try {
    return parseJSONRPCMessage(parseJson(line));
  } catch {
    return undefined;
  }
}
