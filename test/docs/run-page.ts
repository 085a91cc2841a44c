import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { eventually } from '../support/database.ts';
import { argumentsOf, commandsOf, type Snippet, statementsOf } from './snippets.ts';

/** The results of the blocks of a page, in order: the rows of SQL and the output of commands. */
export type BlockResult = { rows: Record<string, unknown>[]; text: string };

/**
 * Runs the SQL blocks and commands of a page in order, as a reader would. After each block, waits
 * until its runs have ended or wait for a person.
 */
export async function runPage(
  url: string,
  snippets: Snippet[],
  execution = '',
): Promise<BlockResult[]> {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  const folder = mkdtempSync(join(tmpdir(), 'howdah-docs-'));
  const said: BlockResult[] = [];
  try {
    for (const { language, text } of snippets) {
      if (language === 'sql') said.push(await runSql(pool, text.replaceAll('…', execution)));
      if (language === 'sh') said.push(await runCommands(url, text, execution, folder));
      await waitUntilIdle(pool);
    }
  } finally {
    await pool.end();
    rmSync(folder, { recursive: true, force: true });
  }
  return said;
}

async function runSql(pool: pg.Pool, text: string): Promise<BlockResult> {
  const rows: Record<string, unknown>[] = [];
  for (const statement of statementsOf(text)) {
    const result = await pool.query(statement); // one by one, because ask() commits
    rows.push(...result.rows);
  }
  return { rows, text: '' };
}

/**
 * Runs the commands of a block. JSON files that they write and read are in a folder of the page.
 */
async function runCommands(
  url: string,
  text: string,
  execution: string,
  folder: string,
): Promise<BlockResult> {
  let printed = '';
  const inFolder = (word: string) => (/^[\w-]+\.json$/.test(word) ? join(folder, word) : word);
  for (const words of commandsOf(text)) {
    const argv = argumentsOf(words).map((word) => (word === 'ID' ? execution : inFolder(word)));
    if (argv[0] === 'start') continue; // the test is the server
    const { status, stdout, stderr } = await runCli(url, ...argv);
    expect(status, `howdah ${words}\n${stdout}${stderr}`).toBe(0);
    printed += stdout;
  }
  return { rows: [], text: printed };
}

const waitUntilIdle = (pool: pg.Pool) =>
  eventually(
    pool,
    'every run has ended or waits',
    `select 1 as idle where not exists (
       select from howdah.executions where status in ('queued', 'running')
     ) and not exists (
       select from howdah.watched_rows as w join howdah.executions as e on e.id = w.execution_id
       where w.write_back = 'waiting' and e.completed_at is not null
     )`,
  );
