import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { aiSdkProvider } from '../../../src/providers/ai-sdk.ts';
import { answerOf, errorOf, modelRef, modelRequest, unabortedSignal } from '../requests.ts';
import { sdkVendor } from './sdk-vendors.ts';
import { startVendorServer, type VendorReply } from './vendor-server.ts';

/**
 * Folder with recorded streams of real vendors, one payload per line, stored outside of this
 * repository.
 */
const assets = process.env.HOWDAH_TEST_ASSETS ?? '';
const folder = join(assets, 'recorded-llm-streams');
const isThere = assets !== '' && existsSync(folder);
if (!isThere) console.log('recorded streams of vendors: skipped, HOWDAH_TEST_ASSETS is not set');

/** Recorded streams of other interfaces of these vendors. */
const OTHER = /^(interactions|responses|speech|transcription)__|vertex/;
const VENDORS = ['anthropic', 'google', 'mistral', 'cohere', 'groq', 'deepseek'];

const streams = isThere
  ? VENDORS.flatMap((vendor) =>
      readdirSync(join(folder, vendor))
        .filter((name) => name.endsWith('.chunks.txt') && !OTHER.test(name))
        .map((name): [string, string] => [vendor, name]),
    )
  : [];

let reply: VendorReply = { words: [] };
const server = await startVendorServer('openai', () => reply);
afterAll(() => server.close());

async function replay(vendor: string, name: string) {
  const lines = readFileSync(join(folder, vendor, name), 'utf8')
    .split('\n')
    .filter(Boolean);
  const raw = lines.map((line) => `data: ${line}\n\n`).join('');
  reply = { status: 200, headers: { 'content-type': 'text/event-stream' }, raw };
  const model = modelRef({ provider: vendor, model: 'some-model', base_url: server.url });
  const provider = aiSdkProvider({ vendor: sdkVendor(vendor) });
  const outcome = await provider.generate(modelRequest('Hi', { model }), {
    signal: unabortedSignal(),
  });
  return { lines, outcome };
}

describe.skipIf(!isThere)('recorded streams of vendors', () => {
  test('exist', () => expect(streams.length).toBeGreaterThan(15));

  test.each(streams)('%s/%s', async (vendor, name) => {
    const { lines, outcome } = await replay(vendor, name);
    const isWhole = lines.some((line) =>
      /"(stop_reason|finishReason|finish_reason)":\s?"\w/.test(line),
    );
    // a second message begins within the first one
    if (!isWhole || name.startsWith('spliced')) {
      expect(errorOf(outcome)).toMatchObject({ code: 'bad_answer', retryable: true });
      return;
    }
    const answer = answerOf(outcome);
    for (const call of answer.tool_calls) expect(JSON.parse(call.arguments)).toBeTypeOf('object');
    expect(answer.usage.tokens_in).toBeGreaterThan(0);
    if (name.includes('refusal')) expect(answer.finish_reason).toBe('refusal');
    if (name.includes('tool-call')) expect(answer.tool_calls).not.toEqual([]);
    if (name.includes('text')) expect(answer.content).not.toBe('');
    const hasThought = lines.some((line) =>
      /"thought":\s?true|thinking_delta|"reasoning(_content)?":\s?"\S/.test(line),
    );
    expect(answer.parts?.some(({ type }) => type === 'reasoning') ?? false).toBe(hasThought);
  });
});
