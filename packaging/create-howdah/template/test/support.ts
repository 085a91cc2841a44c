import { exec } from 'node:child_process';
import { promisify } from 'node:util';
import type { Howdah } from 'howdah';
import { Client } from 'pg';

/**
 * Creates an empty database on the server of `DATABASE_URL`, else on the embedded PostgreSQL. Its
 * login needs the right to create databases.
 */
export async function createDatabase(): Promise<{ url: string; drop: () => Promise<void> }> {
  const { stdout } = await promisify(exec)('npx howdah db url');
  const server = stdout.trim();
  const name = `test_${crypto.randomUUID().replaceAll('-', '')}`;
  await runSql(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = name;
  return { url: url.href, drop: () => runSql(server, `drop database ${name} with (force)`) };
}

async function runSql(connectionString: string, statement: string): Promise<void> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/**
 * Creates a model that answers what a test tells it to, and returns its name. `expect` fails the
 * run unless the last message contains a text.
 */
export async function createScript(howdah: Howdah, script: ScriptStep[]): Promise<string> {
  const name = `script-${crypto.randomUUID()}`;
  const model = { name, provider: 'scripted', model: 'script' };
  await howdah.call('createModel', { body: { ...model, request_params: { script } } });
  return name;
}

type ScriptStep = {
  content?: string;
  tool_calls?: { name: string; arguments: Record<string, unknown> }[];
  expect?: { last_content_contains: string };
};
