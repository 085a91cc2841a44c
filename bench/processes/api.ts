import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../src/package-root.ts';

export type BenchApi = { url: string; stop(): Promise<void> };

/** The API as a process of its own, as `howdah api` starts it, on a free port. It ends with this process. */
export async function startApiProcess(
  databaseUrl: string,
  env: Readonly<Record<string, string>> = {},
): Promise<BenchApi> {
  const child = spawn(process.execPath, [join(PACKAGE_ROOT, 'bin/howdah'), 'api'], {
    env: {
      ...process.env,
      DATABASE_URL: databaseUrl,
      PORT: '0',
      HOWDAH_LOG_LEVEL: 'error',
      ...env,
      HOWDAH_REEXEC: '1', // makes bin/howdah end with whoever has the other end of its channel
    },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
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
