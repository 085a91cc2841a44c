import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorPages } from '../../src/cli/help/error-pages.ts';
import { shortenBackOff } from '../runtime/arrange.ts';
import { type ExampleServers, startExampleServers } from './example-servers.ts';
import { type Example, examplesOf, normalize, sendRequest } from './interfaces.ts';
import { provokedErrors } from './provoked-errors.ts';

// Sends every request of docs/errors and of ./more-examples, and compares the responses. A page has
// an example for one interface; more-examples has those for the others. HOWDAH_WRITE_EXAMPLES=1
// writes the responses to the files. Review them before the commit.

const pages = errorPages();
const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const filesOf = (code: string) =>
  [`../../docs/errors/${code}.md`, `./more-examples/${code}.md`].map(pathOf).filter(existsSync);
const examples = pages.flatMap(({ code }) =>
  filesOf(code).flatMap((file) =>
    examplesOf(code, readFileSync(file, 'utf8')).map((example) => ({ ...example, file })),
  ),
);
type FileExample = Example & { file: string };

let servers: ExampleServers;
beforeAll(async () => {
  servers = await startExampleServers();
  await shortenBackOff(servers.db.pool);
});
afterAll(() => servers?.close());

async function responseTo({ code, via, request }: Example): Promise<string> {
  if (request !== null) return sendRequest(servers, via, request);
  const provoke = provokedErrors[code];
  if (!provoke) throw new Error(`there is no arrangement for ${code}`);
  return normalize(await provoke(servers), servers);
}

async function check(example: FileExample): Promise<void> {
  const { file, via, response } = example;
  const actual = await responseTo(example);
  if (!process.env.HOWDAH_WRITE_EXAMPLES) return expect(actual).toBe(response);
  const text = readFileSync(file, 'utf8');
  const [before = '', part = ''] = splitAt(text, `### ${via}\n`);
  writeFileSync(file, before + part.replace(`\n${response}\`\`\``, () => `\n${actual}\`\`\``));
}

const withTitles = (some: FileExample[]) =>
  some.map((one): [string, string, FileExample] => [one.code, one.via, one]);

test.each(withTitles(examples.filter(({ request }) => request !== null)))(
  '%s via %s matches its example',
  (_code, _via, example) => check(example),
);

// These tests run last, because responses of the tests above list the existing agents.
describe.concurrent('provoked errors', () => {
  test.each(withTitles(examples.filter(({ request }) => request === null)))(
    '%s: %s',
    (_code, _via, example) => check(example),
  );
});

function splitAt(text: string, mark: string): string[] {
  const at = text.indexOf(mark);
  return [text.slice(0, at), text.slice(at)];
}
