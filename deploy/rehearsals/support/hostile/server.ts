import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../../../../src/cli/main.ts', import.meta.url));
const STOP_TIMEOUT_MS = 20_000;

/** A `howdah start` in a process of its own. */
export type Server = {
  url: string;
  hasEnded(): boolean;
  /** Counts the lines of its log that have this text. */
  countLines(text: string): number;
  lastLines(): string;
  stop(): Promise<void>;
};

/** Starts a server that asks for logins and lets introspection through. */
export async function startServer(databaseUrl: string, home: string): Promise<Server> {
  // the commands that create tokens read both variables from this process
  const secrets = { HOWDAH_JWT_SECRET: randomBytes(24).toString('hex'), HOWDAH_HOME: home };
  Object.assign(process.env, secrets);
  const environment = {
    ...secrets,
    DATABASE_URL: databaseUrl,
    PORT: '0',
    HOWDAH_AUTH: 'required',
    HOWDAH_GRAPHQL_INTROSPECTION: 'on',
  };
  const child = spawn(process.execPath, [ENTRY, 'start'], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // Ctrl+C ends this process without a call of stop
  process.once('exit', () => child.kill('SIGKILL'));
  const lines: string[] = [];
  const lastLines = () => lines.slice(-10).join('\n');
  const ready = Promise.withResolvers<string>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      const url = /(http:\/\/\S+)\/graphql/.exec(line)?.[1];
      if (url) ready.resolve(url);
    });
  }
  child.once('exit', (code) =>
    ready.reject(new Error(`howdah start ended with ${code}: ${lastLines()}`)),
  );
  return {
    url: await ready.promise,
    hasEnded: () => hasEnded(child),
    countLines: (text) => lines.filter((line) => line.includes(text)).length,
    lastLines,
    stop: () => stop(child),
  };
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;

async function stop(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}
