import { Alert, Badge, Button, Group, Loader, Paper, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { formatRelevance } from '../../messages/format.ts';
import { knowledgeTexts } from '../../messages/knowledge-texts.ts';
import { messages } from '../../messages/messages.ts';
import { CopyAs } from '../../parts/copy-as.tsx';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { Moment } from '../../parts/moment.tsx';
import { PageTitle } from '../../parts/page-title.tsx';
import { apiUrl } from '../../server/base-path.ts';
import { useRest } from '../../server/rest.ts';
import { documentPage } from '../knowledge-rows.ts';
import { ChunkText, Score } from '../search-tester.tsx';
import { BaseLinks } from './base-links.tsx';
import { copyHits, repeatPath, SEARCHES, type SearchHit, type SearchRow } from './search-rows.ts';
import { Searcher } from './searches-page.tsx';

const text = knowledgeTexts.searches;

/** The page of a recorded search: who asked what, and each chunk that it found, with why. */
export function SearchPage({ id }: { id: string }) {
  const search = useRest<SearchRow>(`/api/searches/${id}`);
  const found = useRest<{ hits: SearchHit[] }>(`/api/searches/${id}/hits`);
  const row = search.data?.body;
  const repeat = row && repeatPath(row);
  return (
    <>
      <PageTitle title={row?.query ?? text.one} table="howdah.searches">
        <Button size="xs" variant="subtle" component={Link} href={SEARCHES}>
          {text.all}
        </Button>
        {repeat !== undefined && (
          <Button size="xs" variant="default" component={Link} href={repeat}>
            {text.repeat}
          </Button>
        )}
        {row && <CopyAs forms={copyHits(id, apiUrl('/'))} />}
      </PageTitle>
      {search.failure && <FailureAlert failure={search.failure} onRetry={search.reload} />}
      {search.isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {row && (
        <Stack gap="lg">
          <SearchFacts row={row} />
          {found.failure && <FailureAlert failure={found.failure} onRetry={found.reload} />}
          {found.data && <Hits row={row} hits={found.data.body.hits} />}
        </Stack>
      )}
    </>
  );
}

function SearchFacts({ row }: { row: SearchRow }) {
  const { filter, rerank_error } = row;
  const hasFilter = filter !== null && Object.keys(filter).length > 0;
  return (
    <Paper withBorder radius="md" p="md">
      <dl className="row-facts">
        <Fact name={text.columns.who}>
          <Searcher row={row} />
        </Fact>
        <Fact name={text.columns.at}>
          <Moment at={row.created_at} />
        </Fact>
        <Fact name={text.columns.bases}>
          <BaseLinks names={row.knowledge_bases} />
        </Fact>
        <Fact name={text.columns.mode}>{text.modes[row.mode] ?? row.mode}</Fact>
        {row.k !== null && <Fact name={knowledgeTexts.search.k}>{row.k}</Fact>}
        {hasFilter && <Fact name={knowledgeTexts.search.filter}>{JSON.stringify(filter)}</Fact>}
        {row.is_repeated && <Fact name={text.repeated}>{text.repeatedHint}</Fact>}
      </dl>
      {row.query === null && (
        <Text size="sm" c="dimmed" mt="xs">
          {text.noQueryHint}
        </Text>
      )}
      {rerank_error !== null && (
        <Alert color="orange" variant="outline" p="xs" mt="sm" className="failure">
          <Text size="sm">
            {knowledgeTexts.search.notReranked} ({rerank_error})
          </Text>
        </Alert>
      )}
    </Paper>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="user-text">{children}</dd>
    </div>
  );
}

function Hits({ row, hits }: { row: SearchRow; hits: readonly SearchHit[] }) {
  return (
    <section aria-label={text.found}>
      <Group gap="sm" align="baseline" mb="xs">
        <Title order={2} size="h5">
          {text.found}
        </Title>
        <Text size="sm" c="dimmed" role="status">
          {hits.length > 0 ? knowledgeTexts.search.hits(hits.length) : text.nothing}
        </Text>
      </Group>
      <ol className="hits">
        {hits.map((hit) => (
          <HitItem key={hit.rank} {...{ row, hit }} best={hits[0]?.score ?? hit.score} />
        ))}
      </ol>
    </section>
  );
}

type HitItemProps = { row: SearchRow; hit: SearchHit; best: number };

function HitItem({ row, hit, best }: HitItemProps) {
  const path = pathOf(hit);
  const name = [hit.title ?? text.deleted, ...hit.heading_path].join(' › ');
  return (
    <Paper component="li" withBorder radius="md" p="md" className="hit">
      <Group justify="space-between" wrap="nowrap" align="flex-start" gap="sm">
        <span className="user-text">
          {hit.rank}.{' '}
          {path === undefined ? (
            name
          ) : (
            <Link href={path} className="hit-link">
              {name}
            </Link>
          )}
        </span>
        <Score score={hit.score} best={best} />
      </Group>
      {hit.content === null ? (
        <Text size="sm" c="dimmed" mt={6}>
          {text.gone}
        </Text>
      ) : (
        <ChunkText content={hit.content} />
      )}
      <WhyFound {...{ row, hit }} />
    </Paper>
  );
}

/** Returns the path of the chunk, or of the document that no longer has the text. */
function pathOf(hit: SearchHit): string | undefined {
  if (hit.knowledge_base === null || hit.title === null) return undefined;
  return documentPage(hit.knowledge_base, hit.document_id, hit.chunk_seq ?? undefined);
}

/** Reasons why the chunk was found: the words that it has, and its place after reranking. */
function WhyFound({ row, hit }: Omit<HitItemProps, 'best'>) {
  const { terms, rerank_rank, rerank_score, is_current, content } = hit;
  return (
    <Stack gap={4} mt="xs">
      <Group gap={6} className="why">
        <Text size="xs" c="dimmed" component="span">
          {knowledgeTexts.search.why}: {whyText(row, hit)}
        </Text>
        {terms.map((term) => (
          <Badge key={term} size="sm" variant="default" tt="none" className="term">
            {term}
          </Badge>
        ))}
      </Group>
      {rerank_rank !== null && (
        <Text size="xs" c="dimmed">
          {text.reranked(rerank_rank, rerank_score === null ? null : formatRelevance(rerank_score))}
        </Text>
      )}
      {row.knowledge_bases.length > 1 && hit.knowledge_base !== null && (
        <Text size="xs" c="dimmed">
          {text.base(hit.knowledge_base)}
        </Text>
      )}
      {!is_current && content !== null && (
        <Text size="xs" fw={600} className="fault">
          {messages.sources.stale}
        </Text>
      )}
    </Stack>
  );
}

function whyText({ mode, query }: SearchRow, { terms, is_current }: SearchHit): string {
  if (query === null) return text.whyUnknown;
  if (terms.length > 0) return mode === 'text' ? text.byWords : text.byWordsAndVector;
  if (!is_current) return text.whyChanged;
  return mode === 'text' ? text.byOtherWords : text.byVector;
}
