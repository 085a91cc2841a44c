import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../src/package-root.ts';

export type BenchApi = { url: string; stop(): Promise<void> };

/**
 * Starts `howdah api` without a login as a child process on a free port. The child ends with this
 * process.
 */
export async function startApiProcess(
  databaseUrl: string,
  env: Readonly<Record<string, string>> = {},
): Promise<BenchApi> {
  const child = spawn(process.execPath, [join(PACKAGE_ROOT, 'bin/howdah'), 'api'], {
    env: {
      ...process.env,
      DATABASE_URL: databaseUrl,
      PORT: '0',
      HOWDAH_AUTH: 'none',
      HOWDAH_LOG_LEVEL: 'error',
      ...env,
      HOWDAH_REEXEC: '1', // bin/howdah then ends when its IPC channel is closed
    },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  return {
    url: await readAddress(child),
    stop: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

/** Reads the URL that the child prints when it listens. */
async function readAddress(child: ChildProcess): Promise<string> {
  let output = '';
  for await (const chunk of child.stderr ?? []) {
    output += chunk;
    const [url] = /http:\/\/[\d.:]+/.exec(output) ?? [];
    if (url) {
      child.stderr?.pipe(process.stderr);
      return url;
    }
  }
  throw new Error(`the API did not start: ${output}`);
}
