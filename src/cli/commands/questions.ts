import type { Command } from 'commander';
import type { Preview } from '../../contracts/runs/preview.ts';
import { listQuestions } from '../../db/queries/questions.ts';
import { API_OPTION, type Api, apiFor } from '../backend/connect.ts';
import { withDatabase } from '../backend/database.ts';
import { type CliIo, printJson, printTable } from '../output/output.ts';
import { oneLine } from '../output/terminal-text.ts';
import { previewSummary } from '../print/preview.ts';

const LIMIT = 100;

/** Registers `howdah questions`: the questions of runs to people, the newest first. */
export function register(command: Command, io: CliIo): void {
  command
    .option('--all', 'include questions that are answered, expired or cancelled')
    .option(...API_OPTION)
    .action(async ({ all }: { all?: true }) => {
      const api = await apiFor(io, command);
      if (api) return showOverApi(io, api, all === true);
      await withDatabase(io, async ({ db }) => {
        const rows = await listQuestions(db, { isOpen: !all, limit: LIMIT });
        if (io.json) {
          printJson(io, { items: rows });
        } else if (rows.length === 0) {
          io.err(all ? 'No questions.' : 'No open questions.');
        } else {
          printTable(io, rows.map(all ? fullRow : openRow));
        }
      });
    });
}

/** Lists the questions over REST, which returns the run and not its agent. */
async function showOverApi(io: CliIo, api: Api, isAll: boolean): Promise<void> {
  const { data } = await api.call('listQuestions', {
    query: { limit: LIMIT, ...(!isAll && { status: 'open' as const }) },
  });
  const rows = data.map(({ id, kind, root_execution_id, status, created_at, prompt }) => ({
    ...{ id, kind, run: root_execution_id, age: ageOf(new Date(created_at)) },
    ...(isAll && { status }),
    prompt: oneLine(prompt, 60),
  }));
  if (io.json) printJson(io, { items: data });
  else if (rows.length === 0) io.err(isAll ? 'No questions.' : 'No open questions.');
  else printTable(io, rows);
}

type Row = Awaited<ReturnType<typeof listQuestions>>[number];

function openRow({ id, kind, run, agent, created_at, prompt, preview }: Row) {
  const row = { id, kind, run, agent, age: ageOf(created_at) };
  const changes = preview ? ` → ${oneLine(previewSummary(preview as unknown as Preview), 60)}` : '';
  return { ...row, prompt: `${oneLine(prompt, 60)}${changes}` };
}

function fullRow(row: Row) {
  const { prompt, ...others } = openRow(row);
  return { ...others, status: row.status, answer: oneLine(row.answer ?? '', 30), prompt };
}

/** Returns the age in the largest unit that is not zero: `3 h`. */
export function ageOf(at: Date, now = Date.now()): string {
  const seconds = Math.max(0, Math.floor((now - at.getTime()) / 1000));
  const units = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
  ] as const;
  const unit = units.find(([size]) => seconds >= size);
  return unit ? `${Math.floor(seconds / unit[0])} ${unit[1]}` : `${seconds} s`;
}
