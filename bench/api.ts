import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));

export type BenchApi = { url: string; stop(): Promise<void> };

/** The API as a process of its own, as `howdah api` starts it, on a free port. */
export async function startApiProcess(databaseUrl: string): Promise<BenchApi> {
  const child = spawn(process.execPath, [MAIN, 'api'], {
    env: { ...process.env, DATABASE_URL: databaseUrl, PORT: '0', HOWDAH_LOG_LEVEL: 'error' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return {
    url: await addressOf(child),
    stop: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

async function addressOf(child: ChildProcess): Promise<string> {
  let said = '';
  for await (const chunk of child.stderr ?? []) {
    said += chunk;
    const [url] = /http:\/\/[\d.:]+/.exec(said) ?? [];
    if (url) {
      child.stderr?.pipe(process.stderr);
      return url;
    }
  }
  throw new Error(`the API did not start: ${said}`);
}
