import { existsSync } from 'node:fs';

// Program of the API thread for tests. It can block until a file exists, or fail with an error. The
// channel is open before the API reports that it is ready.

new BroadcastChannel('held-api-thread').onmessage = (event: { data?: unknown }) => {
  if (event.data === 'fault') throw new Error('a fault that nobody caught');
  while (!existsSync(String(event.data)));
};

await import('../../src/api-thread-program.ts');
