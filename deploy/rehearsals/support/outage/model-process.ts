import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('model-server.ts', import.meta.url));

/** A model server that can be killed, and started again at the same address. */
export type ModelProcess = {
  readonly url: string;
  start(): Promise<void>;
  /** Kills the process. Its connections are reset, and new ones are refused. */
  kill(): Promise<void>;
};

/** Creates a model server, which is not started yet. */
export async function createModelProcess(): Promise<ModelProcess> {
  const port = await findFreePort();
  let child: ChildProcess | undefined;
  process.once('exit', () => child?.kill('SIGKILL')); // also after Ctrl+C
  return {
    url: `http://127.0.0.1:${port}/v1`,
    async start() {
      child = spawn(process.execPath, [PROGRAM, String(port)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      if (child.stdout) await once(child.stdout, 'data');
    },
    async kill() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
