// The process of a worker, which faults kill, freeze and disconnect. It prints `ready` when it
// accepts runs. SIGTERM drains it.

import { pino } from 'pino';
import { openaiProvider } from '../src/providers/openai.ts';
import { startWorker } from '../workers/start-worker.ts';
import { CHAOS_MASTER_KEYS } from './faults/encryption.ts';
import { createShopTools } from './load/shop-tools.ts';

const { DATABASE_URL, OPENAI_BASE_URL, CHAOS_JOURNAL, CHAOS_CONCURRENCY = '100' } = process.env;
if (DATABASE_URL === undefined || OPENAI_BASE_URL === undefined || CHAOS_JOURNAL === undefined) {
  throw new Error('this file is started by howdah dev chaos and npm run chaos');
}
const provider = openaiProvider({
  env: { apiKey: 'chaos', baseUrl: OPENAI_BASE_URL },
  limits: { first_chunk_ms: 6_000, between_chunks_ms: 5_000 }, // end hanging requests soon
});
const worker = await startWorker({
  url: DATABASE_URL,
  tools: createShopTools(CHAOS_JOURNAL),
  builtins: [],
  concurrency: Number(CHAOS_CONCURRENCY),
  release: 'chaos',
  log: pino({ level: 'info' }, pino.destination(2)),
  masterKeys: CHAOS_MASTER_KEYS,
  provider: () => ({ ok: true, value: provider }),
});
process.once('SIGTERM', () => void worker.stop(3_000));
console.log('ready');
