import { existsSync } from 'node:fs';
import '../../src/api-thread-program.ts';

// The program of the API's thread, which a test can keep busy until a file is there, or end by a fault.

new BroadcastChannel('held-api-thread').onmessage = (event: { data?: unknown }) => {
  if (event.data === 'fault') throw new Error('a fault that nobody caught');
  while (!existsSync(String(event.data)));
};
