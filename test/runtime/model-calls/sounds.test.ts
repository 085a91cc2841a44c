import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { CONTENT } from '../../../src/tools/rich-content.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { makeAgent, messagesOf, resultsOf, runToEnd } from '../arrange.ts';

// Audio and Base64 texts returned by tools, and the form in which models receive them.

const base64 = (text: string) => Buffer.from(text).toString('base64');
const SOUND = base64('RIFF....WAVEfmt ');
const database = testDatabase();
let models: FakeServer;
let worker: Worker;

beforeAll(async () => {
  models = await startOpenAiServer(({ body }) => {
    const { messages } = body as { messages: { role: string }[] };
    return messages.some(({ role }) => role === 'tool')
      ? { content: 'I heard it.' }
      : { tool_calls: [{ id: 'a', name: 'record', arguments: '{}' }] };
  });
  const resource = { uri: 'file:///said.txt', mimeType: 'text/plain', blob: base64('Good day. ü') };
  worker = await startTestWorker(database.url, {
    openai: models.url,
    tools: [
      {
        name: 'record',
        description: 'Records.',
        parameters: { type: 'object', properties: {} },
        run: () => ({
          [CONTENT]: [
            { type: 'audio', data: SOUND, mimeType: 'audio/wav' },
            { type: 'resource', resource },
          ],
        }),
      },
    ],
  });
});
afterAll(async () => {
  await worker?.stop(0);
  await models?.close();
});

async function runWithCapabilities(capabilities: JsonObject) {
  const agent = await makeAgent(database.pool, {
    models: [{ provider: 'openai' }],
    tools: ['record'],
  });
  await database.pool.query(
    `update howdah.models set capabilities = $2
     where id in (select model_id from howdah.agent_models where agent_id = $1)`,
    [agent, capabilities],
  );
  const run = await runToEnd(database.pool, agent, 'Record.');
  expect(run).toMatchObject({ status: 'completed', output: 'I heard it.' });
  const body = models.requests.at(-1)?.body as { messages: JsonObject[] } | undefined;
  const messages = body?.messages ?? [];
  return { run, messages };
}

test('a model with hearing receives the audio after the result', async () => {
  const { run, messages } = await runWithCapabilities({ audio: true });
  expect(messages.at(-1)).toEqual({
    role: 'user',
    content: [
      { type: 'text', text: expect.stringContaining('images and sounds') },
      { type: 'text', text: 'Of a:' },
      { type: 'input_audio', input_audio: { data: SOUND, format: 'wav' } },
    ],
  });
  const [logged] = (await messagesOf(database.pool, run.id)).filter(({ role }) => role === 'tool');
  expect(logged?.parts).toEqual([
    { type: 'resource', resource_id: expect.any(String), media: 'audio' },
  ]);
});

test.each([[{ images: true }], [{}]])(
  'a model with %o receives the location of the audio',
  async (capabilities) => {
    const { messages } = await runWithCapabilities(capabilities as JsonObject);
    expect(messages.at(-1)).toMatchObject({ role: 'tool' });
    expect(messages.at(-1)?.content).toMatch(/\[audio audio\/wav, 16 bytes: kept as file/);
    expect(JSON.stringify(messages)).not.toContain('input_audio');
  },
);

test('a text in Base64 is sent as text', async () => {
  const { run } = await runWithCapabilities({});
  expect((await resultsOf(database.pool, run.id))[0]).toContain('[file:///said.txt]\nGood day. ü');
});
