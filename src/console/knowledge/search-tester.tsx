import {
  Alert,
  Badge,
  Button,
  Group,
  Loader,
  Paper,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { Link } from 'wouter';
import { formatRelevance } from '../messages/format.ts';
import { knowledgeTexts } from '../messages/knowledge-texts.ts';
import { messages } from '../messages/messages.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { apiUrl } from '../server/base-path.ts';
import { useRest } from '../server/rest.ts';
import { type Base, copySearch, type Question, readObject, searchQuery } from './copy-knowledge.ts';
import { basePage, documentPage, type Hit } from './knowledge-rows.ts';
import { useParameters } from './use-parameters.ts';

const text = knowledgeTexts.search;
const DEFAULT_K = '5';
/** The code of a reranker that was not asked. Its message is for callers of SQL. */
const NOT_ASKED = 'not_ranked';

/** Searches a base as agents do, and shows why each chunk was found. The URL has the search. */
export function SearchTester({ base }: { base: Base }) {
  const { parameters, change } = useParameters(basePage(base.id));
  const { q = '', k = DEFAULT_K, filter = '' } = parameters;
  const question: Question = { query: q, k, filter };
  const found = useRest<{ chunks: Hit[] }>(
    q === '' ? undefined : `/api/knowledge-bases/${base.id}/search?${searchQuery(question)}`,
  );
  const hits = found.data?.body.chunks;
  return (
    <section aria-label={text.title}>
      <Group justify="space-between" mb="xs" gap="xs">
        <Group gap="sm" align="baseline">
          <Title order={2} size="h5">
            {text.title}
          </Title>
          <Text size="xs" c="dimmed" ff="monospace">
            howdah.search
          </Text>
        </Group>
        {q !== '' && <CopyAs forms={copySearch(base, question, apiUrl('/'))} />}
      </Group>
      <SearchForm
        key={`${q} ${k} ${filter}`}
        begun={question}
        ask={(next) => change({ q: next.query, k: next.k, filter: next.filter })}
      />
      {found.failure && <FailureAlert failure={found.failure} />}
      {found.isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {q === '' && (
        <Text size="sm" c="dimmed">
          {text.hint}
        </Text>
      )}
      <div role="status">
        {hits && (
          <Text size="sm" c="dimmed" mb="xs">
            {hits.length > 0 ? text.hits(hits.length) : filter ? text.noneBy : text.none}
          </Text>
        )}
      </div>
      {hits && <RerankFailure hits={hits} />}
      {hits && hits.length > 0 && (
        <ol className="hits">
          {hits.map((hit) => (
            <HitView
              key={`${hit.document_id} ${hit.chunk_seq}`}
              {...{ base, hit }}
              best={hits[0]?.score ?? hit.score}
            />
          ))}
        </ol>
      )}
    </section>
  );
}

/** Says once why a reranker has not ordered the hits, and what to do about it. */
function RerankFailure({ hits }: { hits: readonly Hit[] }) {
  const error = hits.find(({ ranks }) => ranks.rerank?.error)?.ranks.rerank?.error;
  if (!error) return null;
  return (
    <Alert color="orange" variant="outline" p="xs" mb="sm" className="failure">
      <Text size="sm" className="user-text">
        {text.notReranked} {error.code === NOT_ASKED ? text.notAsked : error.message}
      </Text>
      <Text size="sm" mt={4}>
        {text.rerankHint}
      </Text>
      <Text size="xs" c="dimmed" ff="monospace" mt={4}>
        {error.code}
      </Text>
    </Alert>
  );
}

type SearchFormProps = { begun: Question; ask(question: Question): void };

function SearchForm({ begun, ask }: SearchFormProps) {
  const [written, setWritten] = useState(begun);
  const [wasSent, setSent] = useState(false);
  const faults = {
    k: /^[1-9]\d{0,3}$/.test(written.k.trim()) ? undefined : text.notNumber,
    filter: written.filter.trim() === '' || readObject(written.filter) ? undefined : text.notFilter,
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setSent(true);
    if (faults.k || faults.filter || written.query.trim() === '') return;
    ask({ query: written.query.trim(), k: written.k.trim(), filter: written.filter.trim() });
  };
  const field = (name: keyof Question) => ({
    value: written[name],
    onChange: (event: { currentTarget: { value: string } }) => {
      const { value } = event.currentTarget;
      setWritten((last) => ({ ...last, [name]: value }));
    },
  });
  return (
    <form className="search-form" onSubmit={submit}>
      <TextInput
        {...field('query')}
        className="search-question"
        label={text.question}
        placeholder={text.placeholder}
        maxLength={10_000}
      />
      <Button type="submit" className="search-go">
        {text.go}
      </Button>
      <TextInput
        {...field('k')}
        className="search-k"
        label={text.k}
        inputMode="numeric"
        error={wasSent && faults.k}
      />
      <TextInput
        {...field('filter')}
        className="search-filter"
        label={text.filter}
        placeholder={text.filterHint}
        error={wasSent && faults.filter}
        spellCheck={false}
      />
    </form>
  );
}

type HitProps = { base: Base; hit: Hit; best: number };

/** Characters of a chunk up to which it is shown whole. */
const SHORT = 420;

function HitView({ base, hit, best }: HitProps) {
  return (
    <Paper component="li" withBorder radius="md" p="md" className="hit">
      <Group justify="space-between" wrap="nowrap" align="flex-start" gap="sm">
        <Link
          href={documentPage(base.id, hit.document_id, hit.chunk_seq)}
          className="hit-link user-text"
        >
          {[hit.title, ...hit.heading_path].join(' › ')}
        </Link>
        <Score score={hit.score} best={best} />
      </Group>
      <ChunkText content={hit.content} />
      <Why hit={hit} />
    </Paper>
  );
}

/** The text of a chunk, of which a long one is cut until a person wants all of it. */
export function ChunkText({ content }: { content: string }) {
  const [isWhole, setWhole] = useState(false);
  const isLong = content.length > SHORT;
  return (
    <>
      <Text size="sm" mt={6} className="user-text">
        {isLong && !isWhole ? `${content.slice(0, SHORT).trimEnd()}…` : content}
      </Text>
      {isLong && (
        <Button
          size="compact-xs"
          variant="subtle"
          mt={4}
          onClick={() => setWhole(!isWhole)}
          aria-expanded={isWhole}
        >
          {isWhole ? text.less : text.whole}
        </Button>
      )}
    </>
  );
}

/** The score as a number, and as a bar beside that of the best hit. */
export function Score({ score, best }: { score: number; best: number }) {
  return (
    <span className="score" title={`${text.score}: ${score}`}>
      <span className="score-space" aria-hidden="true">
        <span className="score-bar" style={{ width: `${best > 0 ? (score / best) * 100 : 0}%` }} />
      </span>
      <span className="figure">{formatRelevance(score)}</span>
    </span>
  );
}

/** Why a chunk was found: its rank and score of each kind of search, and the words that it has. */
function Why({ hit: { ranks, trust, chunk_seq } }: { hit: Hit }) {
  return (
    <Stack gap={4} mt="xs">
      {Object.entries(ranks).map(([kind, { rank, score, terms = [], error }]) => (
        <Group key={kind} gap={6} className="why">
          <Text size="xs" c="dimmed" component="span">
            {text.why}: {kind}
            {rank !== undefined && `, ${text.rank(rank)}`}
            {score !== undefined && ` (${formatRelevance(score)})`}
            {error && `, ${text.failed(error.code)}`}
          </Text>
          {terms.map((term) => (
            <Badge key={term} size="sm" variant="default" tt="none" className="term">
              {term}
            </Badge>
          ))}
        </Group>
      ))}
      <Text size="xs" c="dimmed">
        {text.open(chunk_seq)} · {trust}
      </Text>
    </Stack>
  );
}
