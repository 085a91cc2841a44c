import { createServer, type Server } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { findLocalServers } from '../../src/providers/local-servers.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** Starts a server that answers each request with this text, or never. Returns its URL. */
async function startServer(answer: string | undefined): Promise<string> {
  const server = createServer((_, response) => {
    if (answer !== undefined) response.end(answer);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/v1`;
}

const find = (openAiUrl: string) => findLocalServers([{ name: 'ollama', openAiUrl }]);

test('a model server is found with a model that it has', async () => {
  const url = await startServer(
    '{"object": "list", "data": [{"id": "qwen3:4b"}, {"id": "other"}]}',
  );
  expect(await find(url)).toEqual([{ name: 'ollama', url, model: 'qwen3:4b' }]);
});

test.each([
  ['no models', '{"object": "list", "data": null}'],
  ['a model whose name is no part of a command', '{"data": [{"id": "$(rm -rf .)"}]}'],
])('a server with %s is found without a model', async (_, answer) => {
  expect(await find(await startServer(answer))).toMatchObject([{ model: undefined }]);
});

test.each([
  ['another program', '<html>It works!</html>'],
  ['a list of something else', '{"data": [{"name": "x"}]}'],
  ['a server of Howdah', '{"data": [{"id": "development", "owned_by": "howdah"}]}'],
  ['a server that does not answer', undefined],
])('%s on the port is left out', async (_, answer) => {
  expect(await find(await startServer(answer))).toEqual([]);
});

test('nothing on the port is no error', async () => {
  expect(await find('http://127.0.0.1:2/v1')).toEqual([]);
});
