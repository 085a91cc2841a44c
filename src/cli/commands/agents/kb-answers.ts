import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import {
  listSources,
  listStaleAnswers,
  type ReplayedSearch,
  readKnowledgeHealth,
  replaySearches,
  type StaleAnswer,
} from '../../../operations/definitions/answer-sources.ts';
import { fitRanking, type RankingFit } from '../../../operations/definitions/fit-ranking.ts';
import { listSearchHits, type SearchHit } from '../../../operations/definitions/search-hits.ts';
import { listOperation } from '../../../operations/list-operation.ts';
import { knowledgeBases } from '../../../resources/definitions/knowledge-bases.ts';
import { searches } from '../../../resources/definitions/searches.ts';
import type { Backend, Row } from '../../backend/backend.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { allRows } from '../../backend/pages.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { executionId, uuidOf } from '../../input/resolve-id.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { moment } from '../../input/run-filters.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { plainText } from '../../output/terminal-text.ts';
import { printRow, printRows, shortenRow } from '../../print/rows.ts';

type Options = { tenant?: string };

const withConnection = (command: Command) => command.option(...TENANT_OPTION).option(...API_OPTION);

export const withBase = (command: Command) =>
  withConnection(command.argument('<base>', 'name or id of the knowledge base'));

/** Finds a knowledge base by its name or id. */
export const findBase = ({ definitions }: Backend, name: string) =>
  definitions.find(knowledgeBases, name);

/** Registers `howdah kb sources`. */
export function registerSources(command: Command, io: CliIo): void {
  withConnection(command.argument('<run>', 'id of the run', executionId)).action(
    async (id: string, options: Options) => {
      const { sources } = await withBackend(io, command, options, ({ call }) =>
        call(listSources, { params: { id } }),
      );
      if (io.json) return printJson(io, { items: sources });
      if (sources.length === 0) io.err('The answer cites nothing.');
      for (const { chunk_number, title, heading_path, content, is_current } of sources) {
        const place = [title ?? 'deleted document', ...heading_path].map(plainText).join(' › ');
        io.out(`[^${chunk_number}] ${place}${is_current ? '' : '  (has changed since)'}`);
        io.out(`${plainText(content ?? 'The text is encrypted.')}\n`);
      }
    },
  );
}

/** Registers `howdah kb searches`. */
export function registerSearches(command: Command, io: CliIo): void {
  withBase(command).action(async (name: string, options: Options) => {
    const items = await withBackend(io, command, options, async (backend) => {
      const query = { knowledge_base_id: String((await findBase(backend, name)).id) };
      return allRows((page) =>
        backend.call(listOperation<Row>(searches), { query: { ...query, ...page } }),
      );
    });
    const rows = items.map((row) => shortenRow(row, searches.command.list));
    printRows(io, { items, rows, empty: 'Nobody has searched in this base.' });
  });
}

const searchId = (text: string) => uuidOf(text, 'a search', ' List them: howdah kb searches BASE');

/** Registers `howdah kb hits`. */
export function registerHits(command: Command, io: CliIo): void {
  withConnection(command.argument('<search>', 'id of the search', searchId)).action(
    async (id: string, options: Options) => {
      const { hits } = await withBackend(io, command, options, ({ call }) =>
        call(listSearchHits, { params: { id } }),
      );
      printRows(io, { items: hits, rows: hits.map(toFound), empty: 'The search found nothing.' });
    },
  );
}

function toFound(hit: SearchHit) {
  const { rank, score, knowledge_base, content, terms } = hit;
  const place = [hit.title ?? 'deleted document', ...hit.heading_path].join(' › ');
  const row = { rank, score, knowledge_base, place, terms: terms.join(', '), content };
  return shortenRow(row, Object.keys(row));
}

/** Registers `howdah kb health`. */
export function registerHealth(command: Command, io: CliIo): void {
  withBase(command).action(async (name: string, options: Options) => {
    const health = await withBackend(io, command, options, async (backend) => {
      const { id } = await findBase(backend, name);
      return backend.call(readKnowledgeHealth, { params: { id: String(id) } });
    });
    printRow(io, health);
  });
}

/** Registers `howdah kb stale`. */
export function registerStale(command: Command, io: CliIo): void {
  withBase(command).action(async (name: string, options: Options) => {
    const items = await withBackend(io, command, options, async (backend) => {
      const { id } = await findBase(backend, name);
      const params = { id: String(id) };
      return allRows<StaleAnswer>((page) =>
        backend.call(listStaleAnswers, { params, query: page }),
      );
    });
    const shown = ['execution_id', 'answered_at', 'chunk_number', 'title', 'reason'];
    const rows = items.map((row) => shortenRow(row, shown));
    printRows(io, { items, rows, empty: 'No answer cites a text that has changed.' });
  });
}

type ReplayOptions = Options & { since?: Date; mode?: string; atMost?: string; rerank: boolean };

/** Registers `howdah kb replay`. */
export function registerReplay(command: Command, io: CliIo): void {
  withBase(command)
    .option(
      '--since <when>',
      'only searches since this time: an age such as 7d, or a date such as 2026-12-01 (default: 7d)',
      moment,
    )
    .option('--mode <mode>', 'hybrid, text or vector')
    .option('--at-most <number>', 'the most queries (default: 100)')
    .option('--no-rerank', 'leave out the rerankers of the bases')
    .action(async (name: string, { since, mode, rerank, ...others }: ReplayOptions) => {
      const { atMost: at_most, ...options } = others;
      const without = rerank ? {} : { rerank: 'false' as const };
      const query = { since: since?.toISOString(), mode, at_most, ...without };
      const replay = await withBackend(io, command, options, async (backend) => {
        const { id } = await findBase(backend, name);
        return backend.call(replaySearches, { params: { id: String(id) }, query });
      });
      if (io.json) return printJson(io, replay);
      const { searches, queries, overlap } = replay;
      printRows(io, {
        items: searches,
        rows: searches.map(toListed),
        empty: 'Nobody has searched in this time.',
      });
      if (overlap !== null) io.out(`\n${queries} queries, mean overlap ${overlap}`);
    });
}

function toListed({ query, times, recorded, found, overlap, changes, ...of }: ReplayedSearch) {
  const moved = changes.map(
    ({ title, before, after }) => `${title ?? 'deleted'} ${before ?? '-'}→${after ?? '-'}`,
  );
  const reranked = `${yesNo(of.recorded_reranked)}→${yesNo(of.used_reranked)}`;
  const row = { query, times, recorded, found, overlap, reranked, changes: moved.join(', ') };
  return shortenRow(row, Object.keys(row));
}

const yesNo = (is: boolean) => (is ? 'yes' : 'no');

type FitOptions = Options & { dataset?: string };

const POLL_MS = 500;
/** How long no question gets a vector until the command gives up. */
const PATIENCE_MS = 60_000;

/** Registers `howdah kb fit`. */
export function registerFit(command: Command, io: CliIo): void {
  withBase(command)
    .option(
      '--dataset <name>',
      'questions with the titles of their documents (default: liked answers of runs)',
    )
    .action(async (name: string, { dataset, ...options }: FitOptions) => {
      const fit = await withBackend(io, command, options, async (backend) => {
        const { id } = await findBase(backend, name);
        return awaitFit(() =>
          backend.call(fitRanking, {
            params: { id: String(id) },
            body: { dataset: dataset ?? null },
          }),
        );
      });
      if (io.json) printJson(io, fit);
      else printRow(io, { weights: fit.weights, ...fit.fitted });
    });
}

/** Asks until the questions have vectors and the weights are fitted. */
async function awaitFit(ask: () => Promise<RankingFit>): Promise<RankingFit> {
  let fewest = Number.POSITIVE_INFINITY;
  let endsAt = 0;
  for (;;) {
    const fit = await ask();
    const { status, waiting = 0, error } = fit;
    if (status === 'fitted') return fit;
    if (waiting < fewest) {
      fewest = waiting;
      endsAt = performance.now() + PATIENCE_MS;
    }
    if (status === 'failed' || performance.now() > endsAt) {
      const reason = error?.message ?? `none was made for ${PATIENCE_MS / 1000} s`;
      throw new HowdahError('HWCNF', `${waiting} questions have no vector: ${reason}`, {
        hint: 'Check the embedding model of the base, and that a worker runs. Then fit again.',
        detail: { waiting },
      });
    }
    await delay(POLL_MS);
  }
}
