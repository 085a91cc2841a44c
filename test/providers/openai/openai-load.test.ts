import { expect, test, vi } from 'vitest';
import { openaiProvider } from '../../../src/providers/openai.ts';
import { errorOf, modelRequest, unabortedSignal } from '../requests.ts';

vi.mock('../../../src/providers/openai/sdk.ts', () => ({
  loadSdk: () => Promise.reject(Object.assign(new Error('too many files'), { code: 'EMFILE' })),
}));

test('a client that fails to load is a retryable failure, returned as data', async () => {
  const provider = openaiProvider({ env: { apiKey: 'sk-test', baseUrl: 'http://127.0.0.1:1' } });
  const error = errorOf(await provider.generate(modelRequest('Hi'), { signal: unabortedSignal() }));
  expect(error).toEqual({
    code: 'unreachable',
    message: 'The client of the model could not be loaded: too many files.',
    retryable: true,
    cause: { code: 'EMFILE' },
  });
});
