import { afterAll, expect, test } from 'vitest';
import type { ModelRequest } from '../../../src/contracts/agents/model.ts';
import type { Message } from '../../../src/contracts/runs/message.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { aiSdkProvider } from '../../../src/providers/ai-sdk.ts';
import { answerOf, modelRef, modelRequest, toolRound, unabortedSignal } from '../requests.ts';
import { sdkVendor } from './sdk-vendors.ts';
import { startVendorServer } from './vendor-server.ts';
import { encodeAnswer } from './wire-formats.ts';

const CITATION = {
  type: 'page_location',
  ...{ cited_text: 'The rent is 900.', document_index: 0, document_title: 'lease.pdf' },
  ...{ start_page_number: 2, end_page_number: 3 },
};

/** An answer in which Anthropic cites a document. The citation belongs to the block of the text. */
const answer = (() => {
  const frames = encodeAnswer('anthropic', { words: ['It is 900.'] }).map(String);
  const delta = { type: 'content_block_delta', index: 0 };
  const cited = { ...delta, delta: { type: 'citations_delta', citation: CITATION } };
  const end = frames.findIndex((frame) => frame.includes('content_block_stop'));
  frames.splice(end, 0, `event: content_block_delta\ndata: ${JSON.stringify(cited)}\n\n`);
  return frames.join('');
})();

const headers = { 'content-type': 'text/event-stream' };
const server = await startVendorServer('anthropic', () => ({ status: 200, headers, raw: answer }));
afterAll(() => server.close());

const file = (filename: string, type: string) => ({
  ...{ type: 'file', file: { filename, file_data: `data:${type};base64,JVBERi0=` } },
});
const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } };
const QUESTION: Message = {
  ...{ role: 'user', content: 'How much is the rent?' },
  parts: [file('lease.pdf', 'application/pdf'), file('note.txt', 'text/plain'), image],
};

/**
 * Sends a request to Anthropic. Returns the answer and the number of documents that may be cited.
 */
async function ask(request: Partial<ModelRequest> = {}, request_params: JsonObject = {}) {
  server.requests.length = 0;
  const model = modelRef({ provider: 'anthropic', base_url: server.url, request_params });
  const provider = aiSdkProvider({ vendor: sdkVendor('anthropic') });
  const { messages = [QUESTION], ...rest } = request;
  const sent = modelRequest(messages, { ...rest, model });
  const found = answerOf(await provider.generate(sent, { signal: unabortedSignal() }));
  const body = JSON.stringify(server.requests[0]?.body);
  return { found, body, marked: body.match(/"citations":\{"enabled":true\}/g)?.length ?? 0 };
}

test('documents of a user are cited if the model asks for it', async () => {
  const { found, body, marked } = await ask({}, { citations: true });
  expect(marked).toBe(2); // not the image
  expect(body).not.toContain('"citations":true');
  expect(found.content).toBe('It is 900.');
  const cited = { citedText: CITATION.cited_text, startPageNumber: 2, endPageNumber: 3 };
  expect(found.parts).toMatchObject([
    { type: 'text_span', length: 10 },
    { type: 'citation', title: 'lease.pdf', provider_metadata: { anthropic: cited } },
  ]);
  expect(found.parts?.[1]).not.toHaveProperty('url');
});

test.each<[string, Partial<ModelRequest>, JsonObject]>([
  ['by default', {}, {}],
  [
    'beside a schema, which Anthropic refuses',
    { output_schema: { type: 'object' } },
    { citations: true },
  ],
  [
    'beside documents in results of tools, which cannot be cited',
    {
      messages: [QUESTION, ...toolRound('Read it.', 'read', {}, 'Read.')].map((message) =>
        message.role === 'tool'
          ? { ...message, parts: [file('more.pdf', 'application/pdf')] }
          : message,
      ),
    },
    { citations: true },
  ],
])('no document is cited %s', async (_, request, request_params) => {
  expect((await ask(request, request_params)).marked).toBe(0);
});
