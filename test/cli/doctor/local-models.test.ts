import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commandFor, findUnusedServers } from '../../../src/cli/doctor/local-models.ts';
import { readConfig } from '../../../src/config.ts';
import { testDatabase } from '../../support/database.ts';
import { runCli } from '../run-cli.ts';

const db = testDatabase();
let server: Server;
let openAiUrl: string;

beforeAll(async () => {
  server = createServer((_, response) => response.end('{"data": [{"id": "qwen3:4b"}]}'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  openAiUrl = `http://127.0.0.1:${(server.address() as { port: number }).port}/v1`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

test('a model server is offered until the environment or a model names it', async () => {
  const offers = (env = {}) =>
    findUnusedServers(db.pool, readConfig(env), [{ name: 'ollama', openAiUrl }]);
  const [offer] = await offers();
  if (!offer) throw new Error('the server is not offered');
  expect(commandFor(offer)).toBe(
    `howdah models create ollama --provider ollama --model qwen3:4b --base-url ${openAiUrl}`,
  );
  expect(await offers({ OLLAMA_HOST: new URL(openAiUrl).host })).toEqual([]);
  const { status, stderr } = await runCli(db.url, ...commandFor(offer).split(' ').slice(1));
  expect({ status, stderr }).toMatchObject({ status: 0 });
  expect(await offers()).toEqual([]);
});
